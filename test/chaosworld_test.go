package test

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// There are chaosGateways gateways, each of a group of its own, and chaosDoors files that open and close a path each.
// The localGateway is the one that a policy of its own is for, the secureGateway has a server with TLS.
const (
	chaosGateways, chaosDoors   = 3, 4
	secureGateway, localGateway = 0, 1
	chaosIssuerName             = "chaos.example"
)

// chaosFile is a file that changes.
type chaosFile int

// The files. Those of the doors come first.
const (
	tokensFile chaosFile = chaosDoors + iota
	routesFile
	localFile
	secretFile
	chaosFileCount
)

func (f chaosFile) String() string {
	if f < chaosDoors {
		return fmt.Sprintf("door%d", int(f))
	}
	return []string{"tokens", "routes", "local", "secret"}[f-chaosDoors]
}

// chaosWorld is the state of the policy directory where everything in it is good, and what it means for requests. It is a
// value: a change makes another one.
type chaosWorld struct {
	// revisions are those of the files. Each revision has its mark in what a gateway is served; one below 0 is of a
	// file that was removed.
	revisions [chaosFileCount]int
	closed    [chaosDoors]bool
	role      string
	// backend is who answers behind the routes; extra says that there is a route of this name.
	backend string
	extra   bool
	// serial is that of the server's certificate, secret its manifest.
	serial, secret string
}

// with is the world with a new revision of a file, and what else is changed.
func (w chaosWorld) with(file chaosFile, change func(*chaosWorld)) chaosWorld {
	w.revisions[file] = max(w.revisions[file], -w.revisions[file]) + 1
	change(&w)
	return w
}

// without is the world without the file of a door.
func (w chaosWorld) without(door chaosFile) chaosWorld {
	w = w.with(door, func(w *chaosWorld) { w.closed[door] = false })
	w.revisions[door] *= -1
	return w
}

// there reports whether a file is.
func (w chaosWorld) there(file chaosFile) bool { return w.revisions[file] > 0 }

// mark is that of a file as it is, and empty where it is not there.
func (w chaosWorld) mark(file chaosFile) string {
	if !w.there(file) {
		return ""
	}
	return fmt.Sprintf("/mark/%v/%d", file, w.revisions[file])
}

// chaosSite is what the files name that does not change.
type chaosSite struct {
	ports         [chaosGateways]int
	securePort    int
	backends      map[string]string // port by name
	issuer        string
	gatewayLabels [chaosGateways]string
}

// base is the file that never changes: the gateways, and a path that is always forbidden.
func (s chaosSite) base() string {
	var out strings.Builder
	for g, port := range s.ports {
		fmt.Fprintf(&out, "---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: %s}\nspec:\n  selector: {istio: %[1]s}\n  servers:\n"+
			"  - {port: {number: %d, name: http, protocol: HTTP}, bind: 127.0.0.1, hosts: ['*']}\n", s.gatewayLabels[g], port)
		if g == secureGateway {
			out.WriteString(server(s.securePort, "https", "HTTPS", "one.test", "mode: SIMPLE, credentialName: one"))
		}
	}
	return out.String() + "---\n" + deny("always", "", "/always") + "---\n" + chaosService("extra.local", s.backends["extra"])
}

// deny is a policy of the gateways with a label, or of all of them.
func deny(name, label string, paths ...string) string {
	selector := ""
	if label != "" {
		selector = fmt.Sprintf("selector: {matchLabels: {istio: %s}}, ", label)
	}
	return fmt.Sprintf("apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: %s, namespace: istio-system}\n"+
		"spec: {%saction: DENY, rules: [{to: [{operation: {paths: [%s]}}]}]}\n", name, selector, strings.Join(paths, ", "))
}

func chaosService(host, port string) string {
	return fmt.Sprintf("apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: %s}\nspec: {hosts: [%[1]s], "+
		"ports: [{number: 80, name: http, protocol: HTTP}], resolution: STATIC, endpoints: [{address: 127.0.0.1, ports: {http: %s}}]}\n", host, port)
}

// content is a file as it is in the world.
func (s chaosSite) content(w chaosWorld, file chaosFile) string {
	switch file {
	case tokensFile:
		return s.tokens(w)
	case routesFile:
		return s.routes(w)
	case localFile:
		return deny("local", s.gatewayLabels[localGateway], w.mark(file))
	case secretFile:
		return w.secret
	default:
		paths := []string{cmp.Or(w.mark(file), "/mark")}
		if w.closed[file] {
			paths = append(paths, doorPath(file))
		}
		return deny(file.String(), "", paths...)
	}
}

func doorPath(door chaosFile) string { return fmt.Sprintf("/door/%d", int(door)) }

// tokens is issuer and rules together: who has no token may not enter, and one path is for one role.
func (s chaosSite) tokens(w chaosWorld) string {
	return fmt.Sprintf(`apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, namespace: istio-system}
spec: {jwtRules: [{issuer: %s, jwksUri: %q, timeout: 2s}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: tokens, namespace: istio-system}
spec:
  action: DENY
  rules:
  - {from: [{source: {notRequestPrincipals: ["*"]}}], to: [{operation: {paths: [/members, /staff]}}]}
  - {to: [{operation: {paths: [/staff]}}], when: [{key: "request.auth.claims[role]", notValues: [%s]}]}
  - {to: [{operation: {paths: [%s]}}]}
`, chaosIssuerName, s.issuer, w.role, w.mark(tokensFile))
}

// routes lead to a service that is new with each revision.
func (s chaosSite) routes(w chaosWorld) string {
	host, extra := fmt.Sprintf("shop%d.local", w.revisions[routesFile]), ""
	if w.extra {
		extra = "  - {match: [{uri: {exact: /extra}}], route: [{destination: {host: extra.local}}]}\n"
	}
	return "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: shop}\nspec:\n  hosts: ['*']\n" +
		"  gateways: [" + strings.Join(s.gatewayLabels[:], ", ") + "]\n  http:\n" + extra +
		"  - {match: [{uri: {prefix: /door/}}, {uri: {exact: /always}}, {uri: {exact: /members}}, {uri: {exact: /staff}}, {uri: {exact: /shop}}, {uri: {exact: " + w.mark(routesFile) + "}}]," +
		" route: [{destination: {host: " + host + "}}]}\n---\n" + chaosService(host, s.backends[w.backend])
}

// chaosRequest is a request that can be asked at any time.
type chaosRequest struct {
	path  string
	token chaosToken
	// secure asks the server with TLS.
	secure bool
}

// chaosToken is a token, or none where it has no text. Its key is the name of the one by which it is verified; one that no
// key verifies has none.
type chaosToken struct{ name, text, key, role string }

// chaosAnswer is what is seen of an answer: the backend where one answered, the certificate where there is TLS, and what a gateway
// says that could not ask a backend, which is never right.
type chaosAnswer struct {
	status                 int
	backend, serial, fault string
}

// door is the one that the request is about, and the first where it is about none.
func (q chaosRequest) door() (door chaosFile, is bool) {
	for door := range chaosFile(chaosDoors) {
		if q.path == doorPath(door) {
			return door, true
		}
	}
	return 0, false
}

// chaosMoment is what a gateway runs at a moment: each part may be of another world.
type chaosMoment struct {
	door, tokens, routes, secret chaosWorld
	keys                         []string
}

// answer is what the request gets at a moment.
func (q chaosRequest) answer(m chaosMoment) chaosAnswer {
	out := chaosAnswer{status: q.refusal(m)}
	if q.secure {
		out.serial = m.secret.serial
	}
	switch {
	case out.status != 0:
	case q.path == "/extra" && !m.routes.extra:
		out.status = http.StatusNotFound
	case q.path == "/extra":
		out.status, out.backend = http.StatusOK, "extra"
	default:
		out.status, out.backend = http.StatusOK, m.routes.backend
	}
	return out
}

// refusal is the status by which policy refuses the request, or 0.
func (q chaosRequest) refusal(m chaosMoment) int {
	if q.token.text != "" && !slices.Contains(m.keys, q.token.key) {
		return http.StatusUnauthorized
	}
	door, isDoor := q.door()
	guarded := q.path == "/members" || q.path == "/staff"
	if q.path == "/always" || guarded && q.token.text == "" || q.path == "/staff" && q.token.role != m.tokens.role || isDoor && m.door.closed[door] {
		return http.StatusForbidden
	}
	return 0
}
