package resource_test

import (
	"fmt"
	"testing"

	"github.com/portreeve/portreeve/translate/resource"
	"github.com/portreeve/portreeve/translate/source"
)

// BenchmarkPolicy measures Parse and Decode per policy; ten thousand policies are a start of the server.
func BenchmarkPolicy(b *testing.B) {
	const policy = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata:
  name: policy-%d
  namespace: shop
spec:
  selector:
    matchLabels:
      istio: ingressgateway
  action: ALLOW
  rules:
  - from:
    - source:
        requestPrincipals: ["https://issuer.example/*"]
    to:
    - operation:
        hosts: ["shop.example.com"]
        paths: ["/api/*", "/static/{**}"]
        methods: ["GET", "POST"]
    when:
    - key: request.auth.claims[groups]
      values: ["admin", "editor"]
`
	var file source.File
	const n = 100
	for i := range n {
		file.Content = append(file.Content, "---\n"+fmt.Sprintf(policy, i)...)
	}
	b.Run("parse", func(b *testing.B) {
		for b.Loop() {
			source.Parse([]source.File{file})
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/n, "µs/policy")
	})
	b.Run("parse and decode", func(b *testing.B) {
		for b.Loop() {
			docs, _ := source.Parse([]source.File{file})
			if got, _ := resource.Decode(docs); len(got) != n {
				b.Fatal(len(got))
			}
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/n, "µs/policy")
	})
}
