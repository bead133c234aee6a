package translate_test

import (
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/verdicttest"
	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/explain"
	"github.com/portreeve/portreeve/translate/explain/traffic"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
)

// shapes are the ways in which a gateway's configuration is rendered.
func shapes(p *translate.Program) map[string]func(model.Gateway) (envoy.Resources, diag.List) {
	return map[string]func(model.Gateway) (envoy.Resources, diag.List){"served": p.For, "static": p.Static, "istio": p.Istio}
}

// TestAllThatIsRenderedCanBeExplained holds that nothing is rendered which explain would pass over.
func TestAllThatIsRenderedCanBeExplained(t *testing.T) {
	cases, err := filepath.Glob("testdata/*/in")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, in := range cases {
		dir := filepath.Dir(in)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			settings := settingsOf(t, dir)
			for _, anySize := range []bool{false, true} {
				settings.Optimization.AnySize = anySize
				program := settings.at(translate.Compile(settings.files(t, in), settings.Settings))
				for shape, render := range shapes(program) {
					resources, refused := render(ingress())
					if refused.HasErrors() {
						continue
					}
					if _, err := explain.New(resources); err != nil {
						t.Errorf("%s, any size %v: %v", shape, anySize, err)
					}
				}
			}
		})
	}
}

// TestExplainAnswersAsTheTablesSay holds the tables that a real Envoy is held to against explain. In
// Istio's shape requests are let through that only ours refuses, so that it is not held to them.
func TestExplainAnswersAsTheTablesSay(t *testing.T) {
	if underRace {
		t.Skip("make full runs it")
	}
	table, err := verdicttest.Load(os.DirFS("testdata/verdicts"))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := verdicttest.NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range table.Families {
		var requests []verdicttest.Signed
		for _, r := range f.Requests {
			signed, err := keys.Sign(r)
			if err != nil {
				t.Fatal(err)
			}
			requests = append(requests, signed)
		}
		for _, p := range f.Policies {
			t.Run(f.Name+"/"+p.Name, func(t *testing.T) { holdPolicy(t, keys, f, p, requests) })
		}
	}
}

func holdPolicy(t *testing.T, keys *verdicttest.Keys, f verdicttest.Family, p verdicttest.Policy, requests []verdicttest.Signed) {
	t.Helper()
	documents, err := keys.Fill(strings.ReplaceAll(strings.Join([]string{explainedGateway, f.With, p.Policy}, "\n---\n"), "${port.listener}", "80"))
	if err != nil {
		t.Fatal(err)
	}
	settings := model.DefaultSettings()
	files := []source.File{{Path: "policy.yaml", Content: []byte(documents)}}
	if f.Mesh != "" {
		settings.MeshFile = "mesh.yaml"
		files = append(files, source.File{Path: "mesh.yaml", Content: []byte(f.Mesh)})
	}
	program := translate.Compile(files, settings)
	settings.Optimization.AnySize = true
	rewritten := translate.Compile(files, settings)
	rendered := map[string]func(model.Gateway) (envoy.Resources, diag.List){
		"served": program.For, "static": program.Static, "rewritten": rewritten.For, "rewritten static": rewritten.Static, "rule by rule": program.Unoptimized().For,
	}
	for shape, render := range rendered {
		resources, refused := render(ingress())
		if refused.HasErrors() {
			t.Fatalf("%s: refused: %v", shape, refused)
		}
		g, err := explain.New(resources)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range requests {
			holdRequest(t, shape, g, &p, r)
		}
	}
	holdBoth(t, rewritten, requests)
}

// holdBoth holds that the form which is served and that rule by rule give the same.
func holdBoth(t *testing.T, program *translate.Program, requests []verdicttest.Signed) {
	t.Helper()
	served, told, refused := program.Both(ingress())
	g, err := explain.NewTold(served, told)
	if err != nil || refused.HasErrors() {
		t.Fatal(err, refused)
	}
	for _, r := range requests {
		sent, err := r.HTTP(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if a := g.Ask(asked(sent)); a.Disagreement != "" {
			t.Errorf("%s: %s", r.Name, a.Disagreement)
		}
	}
}

func holdRequest(t *testing.T, shape string, g *explain.Gateway, p *verdicttest.Policy, r verdicttest.Signed) {
	t.Helper()
	sent, err := r.HTTP(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	answer, want := g.Ask(asked(sent)), p.Expected(r.Name)
	status := int(answer.Status)
	if answer.Verdict == explain.Allowed {
		status = 200
	}
	if status != want.Status || answer.Body != want.Body || len(answer.Ends) != 1 {
		t.Errorf("%s: %s: %s %d %q, want %d %q; ends %+v", shape, r.Name, answer.Verdict, status, answer.Body, want.Status, want.Body, answer.Ends)
		return
	}
	if want.Status != 200 {
		return
	}
	for header := range p.Backend {
		value, reaches := p.Reaches(header, r)
		var got []string
		for _, h := range answer.Destination.Headers {
			if h.Name == strings.ToLower(header) {
				got = append(got, h.Value)
			}
		}
		if reaches != (len(got) > 0) || reaches && !slices.Equal(got, []string{value}) {
			t.Errorf("%s: %s: the backend sees %s %q, want %q", shape, r.Name, header, got, value)
		}
	}
}

// asked is a request as a client of the gateway's own machine sends it.
func asked(r *http.Request) explain.Request {
	out := explain.Request{
		Port: 80, Client: netip.MustParseAddrPort("127.0.0.1:4711"), At: time.Now(),
		Method: r.Method, Authority: r.Host, Path: r.URL.RequestURI(),
	}
	for name, values := range r.Header {
		for _, v := range values {
			out.Headers = append(out.Headers, traffic.Header{Name: name, Value: v})
		}
	}
	return out
}

const explainedGateway = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gateway, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, bind: 127.0.0.1, hosts: ["*"]}]
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
