package resource_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/source"
)

// TestAGatewayIdentityIsBounded holds how long its lists, its labels and a principal may be.
func TestAGatewayIdentityIsBounded(t *testing.T) {
	many := func(n int, format string) string {
		var out []string
		for i := range n {
			out = append(out, fmt.Sprintf(format, i))
		}
		return strings.Join(out, ", ")
	}
	id := "spiffe://a.example/"
	for name, c := range map[string]struct {
		spec string
		want diag.Code
	}{
		"principals":          {"principals: [" + many(1024, "spiffe://a.example/g/%d") + "]", ""},
		"too many principals": {"principals: [" + many(1025, "spiffe://a.example/g/%d") + "]", diag.CodeTooMany},
		"a long principal":    {"principals: [" + id + strings.Repeat("a", 2048-len(id)) + "]", ""},
		"too long a one":      {"principals: [" + id + strings.Repeat("a", 2049-len(id)) + "]", diag.CodePrincipal},
		"DNS names":           {"dnsNames: [" + many(1024, "g-%d.example") + "]", ""},
		"too many DNS names":  {"dnsNames: [" + many(1025, "g-%d.example") + "]", diag.CodeTooMany},
		"uids":                {"uids: [" + many(1024, "%d") + "]", ""},
		"too many uids":       {"uids: [" + many(1025, "%d") + "]", diag.CodeTooMany},
		"labels":              {"uids: [1], labels: {" + many(128, "l%d: v") + "}", ""},
		"too many labels":     {"uids: [1], labels: {" + many(129, "l%d: v") + "}", diag.CodeTooMany},
	} {
		t.Run(name, func(t *testing.T) {
			text := "apiVersion: portreeve.dev/v1alpha1\nkind: GatewayIdentity\nmetadata: {name: a}\nspec: {namespace: edge, " + c.spec + "}\n"
			resources, found := compile(source.File{Path: "a.yaml", Content: []byte(text)})
			switch {
			case c.want == "" && (len(found) > 0 || len(resources) != 1):
				t.Errorf("refused: %v", found)
			case c.want != "" && (len(found) != 1 || found[0].Code != c.want || !found[0].Scope.Everyone()):
				t.Errorf("found %v, want one %s for every gateway", found, c.want)
			}
		})
	}
}
