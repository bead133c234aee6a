package differential

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
	"golang.org/x/net/http2/hpack"
)

// common is what all fixed sets have.
const common = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: g, namespace: istio-system}
spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 8080, name: http, protocol: HTTP}, bind: "${ip}", hosts: ["*"]}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: b, namespace: istio-system}
spec: {hosts: ["b${n}.example"], ports: [{number: 80, name: http, protocol: HTTP}], resolution: STATIC, endpoints: [{address: 127.0.0.1, ports: {http: ${backend}}}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: v, namespace: istio-system}
spec: {hosts: ["*"], gateways: [g], http: [{route: [{destination: {host: "b${n}.example", port: {number: 80}}}]}]}
---
`

// fixedPolicies are about all that a request of HTTP/2 says otherwise than one of HTTP/1.1.
func fixedPolicies() []string {
	const kind = "apiVersion: security.istio.io/v1\nkind: %s\nmetadata: {name: p, namespace: istio-system}\n"
	return []string{fmt.Sprintf(kind, "AuthorizationPolicy") + `spec:
  action: DENY
  rules:
  - {to: [{operation: {hosts: [a.example, "*.b.example", "a.example:*"]}}]}
  - {to: [{operation: {paths: [/admin, /admin/*]}}]}
  - {to: [{operation: {methods: [DELETE]}}]}
  - {when: [{key: "request.headers[x-no]", values: ["*"]}]}
  - {when: [{key: "request.headers[host]", values: [evil]}]}
  - {when: [{key: "request.headers[cookie]", values: ["a=1; b=2"]}]}
  - {when: [{key: "request.headers[http2-settings]", values: ["*"]}]}
  - {when: [{key: "request.headers[te]", values: [gzip]}]}
  - {when: [{key: "request.headers[connection]", values: ["*"]}]}
  - {when: [{key: "request.headers[upgrade]", values: ["*"]}]}
`, fmt.Sprintf(kind, "AuthorizationPolicy") + `spec:
  action: ALLOW
  rules:
  - to: [{operation: {hosts: [ok, "ok:*", a.example], notPaths: [/admin, /admin/*], notMethods: [DELETE]}}]
    when: [{key: "request.headers[x-no]", notValues: ["*"]}, {key: "request.headers[cookie]", notValues: ["a=1*"]}]
`, fmt.Sprintf(kind, "RequestAuthentication") + `spec: {jwtRules: [{issuer: "https://one.example", jwks: '${keys}', fromCookies: [session]}, {issuer: "two@example.org", jwks: '${keys}', fromParams: [token]}]}
---
` + fmt.Sprintf(kind, "AuthorizationPolicy") + `spec: {action: DENY, rules: [{from: [{source: {notRequestPrincipals: ["*"]}}], to: [{operation: {paths: [/admin]}}]}, {when: [{key: "request.auth.claims[role]", values: [none]}]}]}
`}
}

// fixedTrials prepares the fixed sets, each in a shape of its own.
func (l *laboratory) fixedTrials(log string) []*trial {
	l.Helper()
	var out []*trial
	for n, policies := range fixedPolicies() {
		s := &set{shape: []shape{served, static, istios}[n], mesh: object{"rootNamespace": "istio-system"}}
		t := &trial{set: s, place: place{network: l.network, number: n, backend: l.backend}}
		text := strings.ReplaceAll(t.fill(common+policies), "${keys}", l.keys.public("https://one.example"))
		for text := range strings.SplitSeq(text, "---\n") {
			var o object
			must(l, yaml.Unmarshal([]byte(text), &o))
			s.objects = append(s.objects, o)
		}
		found, err := t.prepare(log)
		must(l, err)
		if len(found) > 0 {
			l.Fatalf("set %d: %+v", n, found)
		}
		out = append(out, t)
	}
	return out
}

// fieldsOf makes fields of names and values.
func fieldsOf(of ...string) []hpack.HeaderField {
	var out []hpack.HeaderField
	for i := 0; i < len(of); i += 2 {
		out = append(out, hpack.HeaderField{Name: of[i], Value: of[i+1]})
	}
	return out
}

// requestOf makes the fields of a request; the authority may be absent.
func requestOf(method, path, authority string, more ...string) []hpack.HeaderField {
	out := fieldsOf(":method", method, ":scheme", "http", ":path", path)
	if authority != absent {
		out = append(out, fieldsOf(":authority", authority)...)
	}
	return append(out, fieldsOf(more...)...)
}

// fieldLists are the requests that every set is asked.
func (l *laboratory) fieldLists() [][]hpack.HeaderField {
	var out [][]hpack.HeaderField
	ask := func(method, path, authority string, more ...string) {
		out = append(out, requestOf(method, path, authority, more...))
	}
	for _, host := range oddHosts() {
		ask("GET", "/", host)
		ask("GET", "/", host, "content-type", "application/grpc")
		ask("GET", "/", absent, "host", host)
		ask("GET", "/", "ok", "host", host)
	}
	for _, path := range oddPaths() {
		ask("GET", path, "ok")
		ask("POST", path, "ok", "content-type", "application/grpc", "te", "trailers")
	}
	for _, method := range oddMethods() {
		ask(method, "/", "ok")
	}
	for _, headers := range oddHeaders() {
		ask("GET", "/", "ok", headers...)
	}
	for c := byte(0x21); c < 0x81; c += 3 {
		ask("GET", "/x"+string([]byte{c}), "ok")
		ask("GET", "/", "o"+string([]byte{c}))
		ask("GET", "/", "ok", "a", string([]byte{c}))
		ask("GET", "/", "ok", "a"+strings.ToLower(string([]byte{c})), "1")
	}
	for _, by := range []string{"https://one.example", "two@example.org", "forged https://one.example", "four.example"} {
		token := l.keys.sign("https://one.example", object{"iss": by, "sub": "s", "role": "none"})
		ask("GET", "/admin", "ok", "authorization", "Bearer "+token)
		ask("GET", "/", "ok", "authorization", "Bearer "+token, "authorization", "Bearer "+token)
		ask("GET", "/", "ok", "cookie", "a=1", "cookie", "session="+token, "content-type", "application/grpc")
		ask("GET", "/?token="+token, "ok", "cookie", "b=2; session=", "cookie", token)
	}
	ask("OPTIONS", "*", "ok")
	out = append(out, fieldsOf(":method", "CONNECT", ":authority", "ok:80"))
	ask("CONNECT", "/", "ok:80")
	for n := 90; n < 102; n++ {
		ask("GET", "/", "ok", strings.Split(strings.Repeat("x-many 1 ", n)[:n*9-1], " ")...)
	}
	return out
}

func oddHosts() []string {
	return []string{"a.example", "ok", "A.EXAMPLE", "a.example:80", "a.example.", "a.example.:80", "x.b.example", "", absent, "a b", "a@b", "user@a.example", "a/b", "a_b", "ok,ok", "[::1]", "ok:abc", "ok:", "a%2e", "\xc3\xa9", "ok\x01", "a.example:8080", ".", "..", "*", "evil"}
}

func oddPaths() []string {
	return []string{
		"/admin", "/admin/", "/admin?x", "/ADMIN", "/x/../admin", "/%61dmin", "//admin", "/admin%2f", "/x%2f..%2fadmin", "/admin;a", "/./admin", "admin", "", "*",
		"http://a.example/admin", "/admin#x", "/#", "/ok#/admin", "/x\\..\\admin", "/a b", "/admin%00", "/%00", "/\x01", "/\xc3\xa9", "/admin/..", "/..", "/%2e%2e/admin", "/ok?#", "?x", "/admin\t", "/admin//x", "/ok;/../admin",
	}
}

func oddMethods() []string {
	return []string{"GET", "DELETE", "delete", "HEAD", "OPTIONS", "TRACE", "FOO", "G ET", "PRI", "GET/", "DELETE ", "\xc3\xa9", "A-B_C.1", "VERYLONGMETHODNAMEINDEEDWHICHNOBODYKNOWS"}
}

func oddHeaders() [][]string {
	const kind = "content-type"
	return [][]string{
		{"x-no", "1"}, {"x-no", ""}, {"x-no", "1", "x-no", "2"}, {"host", "ok", "host", "ok"},
		{"cookie", "a=1", "cookie", "b=2"}, {"cookie", "b=2"}, {"cookie", "a=1", "x", "y", "cookie", "b=2"}, {"cookie", "", "cookie", "a=1; b=2"}, {"cookie", "a=1; ", "cookie", "b=2"}, {"cookie", ""},
		{"te", "gzip"}, {"te", "trailers"}, {"te", "trailers, gzip"}, {"te", "Trailers"}, {"te", "trailers", "te", "trailers"}, {"te", ""}, {"te", "trailers,trailers"},
		{"connection", "close"}, {"connection", "x-no", "x-no", "1"}, {"upgrade", "websocket"}, {"upgrade", "foo", "connection", "upgrade"}, {"keep-alive", "1"}, {"proxy-connection", "close"}, {"http2-settings", "AA"},
		{"transfer-encoding", "chunked"}, {"transfer-encoding", "gzip"}, {"content-length", "0"}, {"content-length", "a"}, {"content-length", ""},
		{"x y", "1"}, {"x_y", "1"}, {"a", "\x00"}, {"a", "x\ny"}, {"a", "x\ry"}, {"a", "x\ty"}, {"x-no:", "1"}, {"", "1"}, {"a", "\x7f"}, {"a", "\x80"}, {"trailer", "x"},
		{kind, "application/grpc", "x-no", "1"}, {kind, "application/grpc+proto", "x-no", "1"}, {kind, "application/grpc+", "x-no", "1"}, {kind, "application/grpc-web", "x-no", "1"}, {kind, "application/grpc;x", "x-no", "1"}, {kind, "APPLICATION/GRPC", "x-no", "1"},
		{"accept", "a", "accept", "b"}, {"x-a", "1", "x-a", ""}, {"user-agent", "a", "user-agent", "b"}, {"x-forwarded-for", "1.2.3.4", "x-forwarded-for", "5.6.7.8"}, {"x-forwarded-proto", "https"},
	}
}
