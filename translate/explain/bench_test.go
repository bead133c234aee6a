package explain_test

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/explain"
	"github.com/portreeve/portreeve/translate/explain/traffic"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
)

// BenchmarkAsk measures answers by 100 policies, with all reasons: ALLOW and DENY, paths, methods, claims, addresses.
func BenchmarkAsk(b *testing.B) {
	g := gateway(b, hundredPolicies(), routing)
	r := explain.Request{
		Port: 80, Client: netip.MustParseAddrPort("198.51.100.7:4711"), At: time.Unix(1_800_000_000, 0),
		Method: "POST", Authority: "shop.example", Path: "/no/such/path?q=1",
		Headers: []traffic.Header{{Name: "authorization", Value: "Bearer " + trustedToken}, {Name: "x-tenant", Value: "blue"}},
		Trusted: map[string]traffic.Object{trustedToken: {Fields: map[string]any{"iss": "https://issuer.example", "sub": "alice", "groups": []any{"dev"}}}},
	}
	if a := g.Ask(r); a.Verdict != explain.Denied || len(a.Reasons) < 100 {
		b.Fatalf("%s with %d reasons, want denied with all", a.Verdict, len(a.Reasons))
	}
	b.ReportAllocs()
	for b.Loop() {
		g.Ask(r)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "answers/s")
}

// BenchmarkAskMany measures answers by what a gateway with 10,000 policies is served, of which one refuses the request or
// none does.
func BenchmarkAskMany(b *testing.B) {
	kinds := map[string]string{
		"exact": `{to: [{operation: {paths: [/p%d/x]}}]}`, "prefix": `{to: [{operation: {paths: [/p%d/*]}}]}`, "template": `{to: [{operation: {paths: ["/p%d/{*}/y"]}}]}`,
		"host": `{to: [{operation: {hosts: [h%d.example]}}]}`, "end": `{to: [{operation: {paths: ["*/e%d"]}}]}`, "method": `{to: [{operation: {paths: [/p%d/x], methods: [POST]}}]}`,
		"subject": `{when: [{key: "request.auth.claims[sub]", values: [u%d]}]}`, "group": `{when: [{key: "request.auth.claims[groups]", values: [g%d]}]}`,
		"principal": `{from: [{source: {requestPrincipals: ["https://issuer.example/u%d"]}}]}`, "address": `{from: [{source: {ipBlocks: [10.%d.0.0/16]}}]}`,
	}
	found := map[string]string{"template": "/p7777/x/y", "end": "/x/e7777"}
	for kind, rule := range kinds {
		g := gateway(b, manyPolicies(rule, 10_000), routing)
		for _, asked := range []struct{ what, host, path, subject, group, client string }{
			{"none", "shop.example", "/no/such/path", "alice", "dev", "198.51.100.7"}, {"one", "h7777.example", cmp.Or(found[kind], "/p7777/x"), "u7777", "g7777", "10.77.0.1"},
		} {
			r := explain.Request{
				Port: 80, Client: netip.MustParseAddrPort(asked.client + ":4711"), At: time.Unix(1_800_000_000, 0), Method: "POST", Authority: asked.host, Path: asked.path,
				Headers: []traffic.Header{{Name: "authorization", Value: "Bearer " + trustedToken}},
				Trusted: map[string]traffic.Object{trustedToken: {Fields: map[string]any{"iss": "https://issuer.example", "sub": asked.subject, "groups": []any{asked.group}}}},
			}
			if a := g.Ask(r); (a.Verdict == explain.Denied) != (asked.what == "one") {
				b.Errorf("%s, %s: %s %s", kind, asked.what, a.Verdict, a.Details)
			}
			b.Run(kind+"/"+asked.what, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					g.Ask(r)
				}
			})
		}
	}
}

func manyPolicies(rule string, n int) string {
	var out strings.Builder
	out.WriteString(tokens)
	for i := range n {
		number := i
		if strings.Contains(rule, "10.%d") {
			number %= 256
		}
		fmt.Fprintf(&out, "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p%d, namespace: istio-system}\nspec: {action: DENY, rules: ["+rule+"]}\n", i, number)
	}
	return out.String()
}

// trustedToken is {"alg":"HS256","typ":"JWT"}.{"iss":"https://issuer.example","sub":"alice"} with a signature that nobody looks at.
const trustedToken = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwic3ViIjoiYWxpY2UifQ.c2ln"

const tokens = `apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, namespace: istio-system}
spec: {jwtRules: [{issuer: https://issuer.example, jwks: '{"keys":[{"kty":"oct","alg":"HS256","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}]}'}]}
`

func hundredPolicies() string {
	var out strings.Builder
	out.WriteString(tokens)
	for i := range 100 {
		action := []string{"ALLOW", "DENY"}[i%2]
		fmt.Fprintf(&out, `---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: p%d, namespace: istio-system}
spec:
  action: %s
  rules:
  - from: [{source: {requestPrincipals: ["https://issuer.example/*"], ipBlocks: [10.0.%d.0/24, 198.51.100.0/24]}}]
    to: [{operation: {methods: [GET, POST], paths: [/app%d/*, /other%d]}}]
    when: [{key: "request.auth.claims[groups]", values: [admin%d]}]
`, i, action, i, i, i, i)
	}
	return out.String()
}

func gateway(t testing.TB, policy, routes string, mesh ...string) *explain.Gateway {
	t.Helper()
	files := []source.File{{Path: "gateway.yaml", Content: []byte(routes)}}
	if policy != "" {
		files = append(files, source.File{Path: "policy.yaml", Content: []byte(policy)})
	}
	settings := model.DefaultSettings()
	for _, m := range mesh {
		settings.MeshFile = "mesh.yaml"
		files = append(files, source.File{Path: "mesh.yaml", Content: []byte(m)})
	}
	p := translate.Compile(files, settings)
	resources, refused := p.For(model.Gateway{Namespace: "istio-system", Labels: map[string]string{"istio": "ingressgateway"}})
	if refused.HasErrors() {
		t.Fatalf("refused: %v", refused)
	}
	out, err := explain.New(resources)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

const routing = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gateway, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: backend, namespace: istio-system}
spec:
  hosts: [backend.example]
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: STATIC
  endpoints: [{address: 127.0.0.1}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: all, namespace: istio-system}
spec:
  hosts: ["*"]
  gateways: [gateway]
  http: [{route: [{destination: {host: backend.example, port: {number: 80}}}]}]
`
