package translate_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
)

// TestServersOfOneNameServeNothing holds that a gateway with two HTTPS servers whose routes have
// one name answers 404 at both: one would serve what only certain clients may have.
func TestServersOfOneNameServeNothing(t *testing.T) {
	files := read(t, "testdata/servers-by-name/in")
	for i := range files {
		files[i].Content = bytes.Replace(files[i].Content, []byte("selector: {istio: ingressgateway}"), []byte("selector: {role: edge}"), 1)
	}
	program := translate.Compile(files, model.DefaultSettings())
	if program.Diags.HasErrors() || !slices.ContainsFunc(program.Diags, func(d diag.Diagnostic) bool { return d.Code == diag.CodeServerOverlap }) {
		t.Fatalf("want a warning: %v", program.Diags)
	}
	resources, _ := program.For(model.Gateway{Namespace: "shop", Labels: map[string]string{"istio": "ingressgateway", "role": "edge"}})
	const name = "https.443.https.web.shop.10.0.0.1"
	served := 0
	for _, r := range resources.Routes {
		if r.GetName() == name {
			served++
			if hosts := r.GetVirtualHosts(); len(hosts) != 1 || len(hosts[0].GetRoutes()) > 0 || hosts[0].GetDomains()[0] != "*" {
				t.Errorf("%s serves %v", name, hosts)
			}
		}
	}
	if served != 1 {
		t.Errorf("%s is there %d times, want once", name, served)
	}
}
