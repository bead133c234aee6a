package translate_test

import (
	"fmt"
	"runtime"
	"slices"
	"testing"

	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
)

// fleet is a directory of one Gateway and n of something, a file for each.
func fleet(n int, file func(i int, path string) string) []source.File {
	out := make([]source.File, 0, n+1)
	for i := range n {
		out = append(out, source.File{Path: fmt.Sprintf("%05d.yaml", i), Content: []byte(file(i, "/"))})
	}
	return append(out, source.File{Path: "gateway.yaml", Content: []byte(`apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gateway, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 8080, name: http, protocol: HTTP}
    hosts: ["*"]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: backend, namespace: istio-system}
spec:
  hosts: [backend.local]
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: STATIC
  endpoints: [{address: 127.0.0.1}]
`)})
}

// benchRoutes is a VirtualService with a host of its own.
func benchRoutes(i int, path string) string {
	return fmt.Sprintf(`apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop-%d, namespace: istio-system}
spec:
  hosts: [shop-%d.example.com]
  gateways: [gateway]
  http:
  - name: api
    match:
    - uri: {prefix: %s}
    - uri: {exact: /health}
    route:
    - destination: {host: backend.local, port: {number: 80}}
  - route:
    - destination: {host: backend.local, port: {number: 80}}
`, i, i, path)
}

// benchPolicy is an AuthorizationPolicy with one rule.
func benchPolicy(i int, path string) string {
	return fmt.Sprintf(`apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: policy-%d, namespace: istio-system}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  action: DENY
  rules:
  - to: [{operation: {hosts: ["shop-%d.example.com"], paths: ["%sadmin-%d"]}}]
`, i, i, path, i)
}

// BenchmarkMany measures all of a compilation and of what one gateway is given, from nothing
// and on top of the program before an edit of one file.
func BenchmarkMany(b *testing.B) {
	for _, c := range []struct {
		name string
		n    int
		file func(int, string) string
	}{{"VirtualServices", 1000, benchRoutes}, {"policies", 10000, benchPolicy}} {
		files := fleet(c.n, c.file)
		first := translate.Compile(files, model.DefaultSettings())
		b.Run(fmt.Sprintf("%d %s, compiled", c.n, c.name), func(b *testing.B) {
			for b.Loop() {
				served(b, translate.Compile(files, model.DefaultSettings()))
			}
		})
		b.Run(fmt.Sprintf("%d %s, one edited", c.n, c.name), func(b *testing.B) {
			program := first
			for i := 0; b.Loop(); i++ {
				edited := slices.Clone(files)
				edited[i%c.n].Content = []byte(c.file(i%c.n, fmt.Sprintf("/%d/", i)))
				program = program.Recompile(edited, model.DefaultSettings())
				served(b, program)
			}
		})
	}
}

// BenchmarkRecompile measures an edit of one file among many by itself, without what gateways are served, and what a
// program holds for each object, also after many edits.
func BenchmarkRecompile(b *testing.B) {
	const n = 10_000
	files := fleet(n, benchPolicy)
	before := liveHeap()
	program := translate.Compile(files, model.DefaultSettings())
	b.ReportAllocs()
	i := 0
	for ; b.Loop(); i++ {
		files[i%n].Content = []byte(benchPolicy(i%n, fmt.Sprintf("/%d/", i)))
		program = program.Recompile(files, model.DefaultSettings())
	}
	b.ReportMetric(float64(liveHeap()-before)/n, "live-B/object")
	runtime.KeepAlive(program)
}

func liveHeap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func served(b *testing.B, p *translate.Program) {
	b.Helper()
	if _, refused := p.For(ingress()); len(refused) > 0 {
		b.Fatal(refused)
	}
}

// BenchmarkShapes measures each shape of what one gateway is given, with 10,000 policies. The
// filters of policy are made once for each: Static and Istio take at most 1.3 times as long as For.
func BenchmarkShapes(b *testing.B) {
	program := translate.Compile(fleet(10000, benchPolicy), model.DefaultSettings())
	for _, shape := range []struct {
		name   string
		render func(model.Gateway) (envoy.Resources, diag.List)
	}{{"For", program.For}, {"Static", program.Static}, {"Istio", program.Istio}} {
		b.Run(shape.name, func(b *testing.B) {
			for b.Loop() {
				if _, refused := shape.render(ingress()); len(refused) > 0 {
					b.Fatal(refused)
				}
			}
		})
	}
}
