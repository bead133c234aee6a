package translate_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
)

// TestASecretOfTwoServersIsTracedToTheFirst holds that what a gateway refuses of files that several
// servers have is told at one line, the first, and not at another each time.
func TestASecretOfTwoServersIsTracedToTheFirst(t *testing.T) {
	const text = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: one, protocol: HTTPS}
    hosts: [a.example]
    tls: {mode: SIMPLE, serverCertificate: /c.pem, privateKey: /k.pem}
  - port: {number: 444, name: two, protocol: HTTPS}
    hosts: [a.example]
    tls: {mode: SIMPLE, serverCertificate: /c.pem, privateKey: /k.pem}
`
	program := translate.Compile([]source.File{{Path: "a.yaml", Content: []byte(text)}}, model.DefaultSettings())
	for range 50 {
		resources, refused := program.For(ingress())
		if len(refused) > 0 || len(resources.Secrets) != 1 {
			t.Fatalf("%d secrets, refused: %v", len(resources.Secrets), refused)
		}
		got := resources.Trace[resources.Secrets[0].GetName()].All()[""]
		if d := cmp.Diff(diag.Position{File: "a.yaml", Line: 9, Column: 44}, got); d != "" {
			t.Fatalf("traced to (-want +got):\n%s", d)
		}
	}
}
