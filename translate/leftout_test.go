package translate_test

import (
	"testing"

	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
)

// leftOut has a server that demands a client certificate and is left out beside an older one
// on gateways that have the labels of both.
const leftOut = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: wide, namespace: shop}
spec:
  selector: {role: edge}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: ["*.example", both.test]
    tls: {mode: SIMPLE, serverCertificate: /c.pem, privateKey: /k.pem}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: younger, namespace: shop}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: [admin.example, both.test]
    tls: {mode: MUTUAL, serverCertificate: /c.pem, privateKey: /k.pem, caCertificates: /ca.pem}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: all, namespace: shop}
spec:
  hosts: ["*.example"]
  gateways: [wide, younger]
  http: [{directResponse: {status: 200}}]
`

// TestAServerThatIsLeftOutGuardsItsHosts holds that what is left out opens nothing.
func TestAServerThatIsLeftOutGuardsItsHosts(t *testing.T) {
	program := translate.Compile([]source.File{{Path: "all.yaml", Content: []byte(leftOut)}}, model.DefaultSettings())
	if len(program.Diags) != 1 || program.Diags[0].Code != diag.CodeServerOverlap {
		t.Fatalf("want the warning that a server is left out, got %v", program.Diags)
	}
	resources, _ := program.For(model.Gateway{Namespace: "shop", Labels: map[string]string{"istio": "ingressgateway", "role": "edge"}})
	hosts := map[string]int{}
	for _, r := range resources.Routes {
		for _, h := range r.GetVirtualHosts() {
			hosts[h.GetDomains()[0]] += len(h.GetRoutes())
		}
	}
	if n, there := hosts["admin.example"]; !there || n > 0 || hosts["*.example"] == 0 || len(hosts) != 2 {
		t.Errorf("routes by host: %v, want none for admin.example and some for *.example", hosts)
	}
}
