package translate_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/portreeve/portreeve/internal/envoytest"
	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/source"
)

// TestEnvoyTakesRandomPolicies makes policies and routes that are valid by construction, odd
// as the API lets them be, and holds that the compiler accepts all of them and that Envoy
// does. PORTREEVE_SEED repeats a run.
func TestEnvoyTakesRandomPolicies(t *testing.T) {
	envoytest.Require(t)
	seed := uint64(time.Now().UnixNano()) //nolint:gosec // a seed
	if written := os.Getenv("PORTREEVE_SEED"); written != "" {
		var err error
		if seed, err = strconv.ParseUint(written, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("PORTREEVE_SEED=%d", seed)
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 1)), jwks: testKeys(t)} //nolint:gosec // a test wants the same again
	var samples []sample
	for i := range rounds(300) {
		content := g.input(t)
		program := translate.Compile(withAuthorizers(source.File{Path: "authorizing.yaml", Content: []byte(authorizing)}, source.File{Path: "random.yaml", Content: content}))
		if program.Diags.HasErrors() {
			t.Errorf("input %d is refused:\n%s\n%s", i, findings(program.Diags.Errors()), content)
			continue
		}
		resources, _ := program.For(ingress())
		validMessages(t, resources)
		s, ok := newSample(fmt.Sprintf("input %d\n%s", i, content), program)
		if !ok {
			t.Fatalf("input %d is refused", i)
		}
		samples = append(samples, s)
	}
	envoyTakes(t, samples)
}

func testKeys(t testing.TB) string {
	t.Helper()
	content, err := os.ReadFile("../test/testdata/jwks.json")
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(content))
}

type object = map[string]any

// generator makes random inputs. Every method takes the next random numbers.
type generator struct {
	*rand.Rand
	jwks string
}

func (g *generator) often() bool  { return g.IntN(3) > 0 }
func (g *generator) rarely() bool { return g.IntN(4) == 0 }

func pick[T any](g *generator, from []T) T { return from[g.IntN(len(from))] }

// some returns 1 to n different values.
func some[T any](g *generator, n int, from []T) []T {
	var out []T
	for _, i := range g.Perm(len(from))[:1+g.IntN(min(n, len(from)))] {
		out = append(out, from[i])
	}
	return out
}

// input is one file: a Gateway, routes, services and policies.
func (g *generator) input(t *testing.T) []byte {
	t.Helper()
	objects := []object{g.gateway(), g.virtualService(), g.serviceEntry()}
	for i := range 1 + g.IntN(3) {
		objects = append(objects, g.authorizationPolicy(i))
	}
	for i := range g.IntN(3) {
		objects = append(objects, g.requestAuthentication(i))
	}
	var out []byte
	for _, o := range objects {
		content, err := yaml.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		out = append(append(out, "---\n"...), content...)
	}
	return out
}

func (g *generator) object(kind, name string, spec object) object {
	version := "security.istio.io/v1"
	if kind == "Gateway" || kind == "VirtualService" || kind == "ServiceEntry" {
		version = "networking.istio.io/v1"
	}
	return object{"apiVersion": version, "kind": kind, "metadata": object{"name": name, "namespace": "istio-system"}, "spec": spec}
}

// odd are values that any text field takes.
func odd() []string {
	return []string{
		"a", "*", "a*", "*a", "**", "a*b", "*a*", " ", "a b", "ü", "日本", "\U0001F600", `"`, `\`, `'`, "%", "%00", "$", "(", ")", "[", "]", "+", "?", "^", "|", ".", ".*",
		"a.b.c", "a/b", "/", "//", "a,b", "a:b", "a@b", "{}"[:1], "~", "#", "&", "=", ";", "!", "<a>", "\t", "\x7f", "\u00a0", "true", "null", "0", "-1", strings.Repeat("x", 300), strings.Repeat("(", 100) + "*", strings.Repeat("x", 4_000) + "*", "*" + strings.Repeat("x", 4_000),
	}
}

func (g *generator) odds() []string { return some(g, 3, odd()) }

func (g *generator) addresses() []string {
	return some(g, 3, []string{
		"10.0.0.1", "10.0.0.0/8", "0.0.0.0/0", "::/0", "::1", "2001:db8::/32", "fe80::1", "255.255.255.255/32", "10.1.2.3/8", "2001:db8::1/64", "::ffff:10.0.0.1", "64:ff9b::/96",
		"2001:0db8:0000:0000:0000:0000:0000:0001", "::ffff:0:0/96",
	})
}

func (g *generator) ports() []string { return some(g, 3, []string{"0", "1", "80", "8080", "65535"}) }

func (g *generator) paths() []string {
	return some(g, 4, []string{
		"/", "/*", "*", "*.html", "/a b", "/a?b", "a", "/ü", "/%2F", "//", "/a*b", "/{*}", "/{**}", "/a/{*}/b", "/a/{*}/{**}", "/{*}/{*}/{*}", "/{**}/", "/a/{**}/b",
		"/a.b-c_d~e%20/{*}", "/$&'()+,;:@=!/{**}", "/{*}/", "/" + strings.Repeat("a", 240) + "/{*}", "/" + strings.Repeat("x", 4000), "/{*}/{*}/{*}/{*}/{*}", "/a/{*}/b/{*}/c/{**}",
	})
}

func (g *generator) source() object {
	fields := object{
		"principals": g.odds(), "requestPrincipals": append(g.odds(), pick(g, []string{"*", "a/b", "a/*", "*/b", "https://a/b/c"})),
		"namespaces": g.odds(), "trustDomains": some(g, 2, []string{"*", "a*", "*a", "cluster.local", "a.b", "ü", "(", strings.Repeat("x", 300)}),
		"ipBlocks": g.addresses(), "remoteIpBlocks": g.addresses(),
	}
	if g.rarely() {
		delete(fields, "principals")
		delete(fields, "namespaces")
		fields["serviceAccounts"] = some(g, 2, []string{"a", "a/b", "a.b/c-d", "ü", "((", "a/(", strings.Repeat("x", 320)})
	}
	return g.fields(fields)
}

func (g *generator) operation() object {
	return g.fields(object{
		"hosts": append(g.odds(), pick(g, []string{"a.example", "*.example", "a.example:80", "A.EXAMPLE", "a:*", "[::1]:80"})),
		"ports": g.ports(), "methods": append(g.odds(), pick(g, []string{"GET", "get", "P*"})), "paths": g.paths(),
	})
}

// fields keeps at least one of the fields, each as it is, as its negation or both.
func (g *generator) fields(all object) object {
	out := object{}
	for len(out) == 0 {
		for _, name := range []string{"hosts", "ports", "methods", "paths", "principals", "requestPrincipals", "serviceAccounts", "namespaces", "trustDomains", "ipBlocks", "remoteIpBlocks"} {
			values, ok := all[name]
			if !ok {
				continue
			}
			if g.rarely() {
				out[name] = values
			}
			if g.rarely() {
				out["not"+strings.ToUpper(name[:1])+name[1:]] = values
			}
		}
	}
	return out
}

func (g *generator) condition() object {
	key := pick(g, []string{
		"request.headers[x-a]", "request.headers[:path]", "request.headers[:authority]", "request.headers[X-Upper]", "request.headers[a.b]", "request.headers[!#$%&'*+-.^_`|~]", "request.headers[:any]",
		"source.ip", "remote.ip", "source.namespace", "source.trustDomain", "source.principal", "source.serviceAccount", "request.auth.principal", "request.auth.audiences", "request.auth.presenter",
		"request.auth.claims[a]", "request.auth.claims[a][b]", "request.auth.claims[a.b]", "request.auth.claims[https://a/b]", "request.auth.claims[ü][*]", "request.auth.claims[iss]", "request.auth.claims[sub]",
		"request.auth.claims[" + strings.Repeat("x", 200) + "]", "destination.ip", "destination.port", "connection.sni",
		"experimental.envoy.filters.network.mysql_proxy[db.table]", "experimental.envoy.filters.http.lua[a]", "experimental.envoy.filters.a[b c]",
	})
	out := object{"key": key}
	values := g.conditionValues(key)
	if g.often() {
		out["values"] = values
	}
	if g.rarely() || out["values"] == nil {
		out["notValues"] = values
	}
	return out
}

func (g *generator) conditionValues(key string) []string {
	switch key {
	case "source.ip", "remote.ip", "destination.ip":
		return g.addresses()
	case "destination.port":
		return g.ports()
	case "source.serviceAccount":
		return []string{"a/b"}
	case "source.trustDomain":
		return []string{"a*", "b"}
	default:
		if strings.HasPrefix(key, "experimental.") && g.rarely() {
			return []string{"[a]", "[*]", "[a*]"}
		}
		return g.odds()
	}
}

func (g *generator) rule() object {
	out := object{}
	if g.often() {
		var from []object
		for range 1 + g.IntN(2) {
			from = append(from, object{"source": g.source()})
		}
		out["from"] = from
	}
	if g.often() {
		var to []object
		for range 1 + g.IntN(2) {
			to = append(to, object{"operation": g.operation()})
		}
		out["to"] = to
	}
	for range g.IntN(3) {
		when, _ := out["when"].([]object)
		out["when"] = append(when, g.condition())
	}
	return out
}

// customRule is a rule without identities, which are not known when an authorizer is asked.
func (g *generator) customRule() object {
	out := object{"to": []object{{"operation": g.operation()}}}
	if g.rarely() {
		out["from"] = []object{{"source": object{"ipBlocks": g.addresses()}}, {"source": object{"notRemoteIpBlocks": g.addresses()}}}
	}
	if g.rarely() {
		out["when"] = []object{{"key": "request.headers[x-a]", "values": g.odds()}, {"key": "connection.sni", "notValues": g.odds()}}
	}
	return out
}

func (g *generator) authorizationPolicy(i int) object {
	action := pick(g, []string{"ALLOW", "DENY", "AUDIT", "CUSTOM"})
	rule := g.rule
	if action == "CUSTOM" {
		rule = g.customRule
	}
	var rules []object
	for range 1 + g.IntN(3) {
		rules = append(rules, rule())
	}
	spec := object{"action": action, "rules": rules}
	if action == "CUSTOM" {
		spec["provider"] = object{"name": pick(g, []string{"over-http", "over-grpc", "nowhere"})}
	}
	if g.rarely() {
		spec["selector"] = object{"matchLabels": object{"istio": "ingressgateway"}}
	}
	if action == "ALLOW" && g.rarely() {
		delete(spec, "rules")
	}
	out := g.object("AuthorizationPolicy", pick(g, []string{"a", "a.b-c", "0", strings.Repeat("x", 200)})+strconv.Itoa(i), spec)
	if (action == "ALLOW" || action == "DENY") && g.rarely() {
		out["metadata"].(object)["annotations"] = object{"istio.io/dry-run": pick(g, []string{"true", "T", "1", "false", "0"})}
	}
	return out
}

func (g *generator) requestAuthentication(i int) object {
	var rules []object
	for n := range 1 + g.IntN(3) {
		rules = append(rules, g.jwtRule(n))
	}
	return g.object("RequestAuthentication", fmt.Sprintf("r%d", i), object{"jwtRules": rules})
}

func (g *generator) jwtRule(n int) object {
	out := object{"issuer": pick(g, odd()) + strconv.Itoa(n), "jwks": g.jwks}
	set := func(name string, value any) {
		if g.rarely() {
			out[name] = value
		}
	}
	set("audiences", g.odds())
	set("spaceDelimitedClaims", g.odds())
	set("fromParams", g.odds())
	set("fromCookies", g.odds())
	set("forwardOriginalToken", true)
	set("outputPayloadToHeader", pick(g, []string{"x-payload", "X_PAYLOAD", "0", strings.Repeat("x", 300)}))
	set("fromHeaders", []object{{"name": pick(g, []string{"Authorization", "x-token", "cookie", "host", "_"}), "prefix": pick(g, append(odd(), "Bearer ", "Basic: "))}})
	set("outputClaimToHeaders", []object{{"header": pick(g, []string{"x-a", "A_B"}), "claim": pick(g, odd())}, {"header": "content-type", "claim": "a.b"}})
	set("timeout", pick(g, []string{"5s", "0.001s", "1h"}))
	set("presence", pick(g, []string{"OPTIONAL", "REQUIRED"}))
	return out
}
