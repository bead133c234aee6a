package translate_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
)

const identity = `apiVersion: portreeve.dev/v1alpha1
kind: GatewayIdentity
metadata: {name: edge}
spec:
  principals: [spiffe://cluster.local/ns/edge/gateway/edge-1, spiffe://a.example/*]
  dnsNames: [edge-1.example.com]
  uids: [0, 101]
  namespace: edge
  labels: {istio: ingressgateway}
  grant: AT_MOST
---
apiVersion: portreeve.dev/v1alpha1
kind: GatewayIdentity
metadata: {name: plain}
spec: {uids: [102], namespace: plain}
`

func identitiesOf(texts ...string) ([]model.GatewayIdentity, bool) {
	var files []source.File
	for i, text := range texts {
		files = append(files, source.File{Path: string(rune('a' + i)), Content: []byte(text)})
	}
	return translate.Compile(files, model.DefaultSettings()).Identities()
}

// TestAGatewayIdentitySaysWhatAGatewayMayBe holds what becomes of the objects.
func TestAGatewayIdentitySaysWhatAGatewayMayBe(t *testing.T) {
	got, known := identitiesOf(identity)
	want := []model.GatewayIdentity{{
		Principals: []string{"spiffe://cluster.local/ns/edge/gateway/edge-1", "spiffe://a.example/*"}, DNSNames: []string{"edge-1.example.com"}, UIDs: []uint32{0, 101},
		Grant: model.AtMost, Gateway: model.Gateway{Namespace: "edge", Labels: map[string]string{"istio": "ingressgateway"}}, Origin: diag.Position{File: "a", Line: 3, Column: 18},
	}, {UIDs: []uint32{102}, Grant: model.Exactly, Gateway: model.Gateway{Namespace: "plain"}, Origin: diag.Position{File: "a", Line: 14, Column: 18}}}
	if d := cmp.Diff(want, got); d != "" || !known {
		t.Errorf("known %v (-want +got):\n%s", known, d)
	}
}

// TestOfHalfAMappingNothingCounts holds which errors keep a mapping back: those that reach every gateway,
// and none that reach some.
func TestOfHalfAMappingNothingCounts(t *testing.T) {
	guard := func(namespace, spec string) string {
		return "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p, namespace: " + namespace + "}\nspec: " + spec + "\n"
	}
	for name, c := range map[string]struct {
		beside string
		known  bool
	}{
		"a sound policy":                         {guard("edge", "{}"), true},
		"a broken policy of one namespace":       {guard("edge", "{actoin: DENY}"), true},
		"one of the root namespace for some":     {guard("istio-system", "{selector: {matchLabels: {a: b}}, action: DROP}"), true},
		"one of the root namespace for everyone": {guard("istio-system", "{actoin: DENY}"), false},
		"a broken GatewayIdentity":               {"apiVersion: portreeve.dev/v1alpha1\nkind: GatewayIdentity\nmetadata: {name: other}\nspec: {uids: [7]}\n", false},
		"a principal twice":                      {"apiVersion: portreeve.dev/v1alpha1\nkind: GatewayIdentity\nmetadata: {name: other}\nspec: {principals: ['spiffe://a.example/*'], namespace: a}\n", false},
		"the object twice":                       {"apiVersion: portreeve.dev/v1alpha1\nkind: GatewayIdentity\nmetadata: {name: plain}\nspec: {uids: [7], namespace: a}\n", false},
		"another kind of the group":              {"apiVersion: portreeve.dev/v1alpha1\nkind: GatewayIdentiy\nmetadata: {name: other}\nspec: {uids: [7], namespace: a}\n", false},
		"half a file":                            {"kind: [", false},
	} {
		t.Run(name, func(t *testing.T) {
			got, known := identitiesOf(identity, c.beside)
			if known != c.known || known != (len(got) == 2) {
				t.Errorf("known %v with %d mappings, want known %v", known, len(got), c.known)
			}
		})
	}
}

// TestTheFileOfGatewaysCountsForWhatIsKnownAlready holds that compiling on top of a program that was compiled with
// another such file, or without one, gives what compiling from nothing gives.
func TestTheFileOfGatewaysCountsForWhatIsKnownAlready(t *testing.T) {
	files := []source.File{{Path: "a.yaml", Content: []byte(identity)}, {Path: "b.yaml", Content: []byte("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n")}}
	program := &translate.Program{}
	for _, file := range []string{"", "a.yaml", "b.yaml", "a.yaml", ""} {
		settings := model.DefaultSettings()
		settings.GatewaysFile = file
		program = program.Recompile(files, settings)
		want := translate.Compile(files, settings)
		if d := cmp.Diff(want.Diags.Lines(), program.Diags.Lines()); d != "" {
			t.Errorf("with the file %q (-compiled +recompiled):\n%s", file, d)
		}
		got, known := program.Identities()
		if right := file != "b.yaml"; known != right || right != (len(got) == 2) {
			t.Errorf("with the file %q: known %v, %d mappings", file, known, len(got))
		}
	}
}
