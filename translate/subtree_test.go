package translate_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
)

// TestNothingIsSaidOfForgottenPathsAmongTooMany holds the bound of what is compared to find out whether
// somebody has thought of a path.
func TestNothingIsSaidOfForgottenPathsAmongTooMany(t *testing.T) {
	for n, want := range map[int]int{2000: 2000, 2001: 0} {
		paths := make([]string, n)
		for i := range paths {
			paths[i] = fmt.Sprintf("/%d/*", i)
		}
		text := "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p, namespace: istio-system}\nspec: {action: DENY, rules: [{to: [{operation: {paths: [" + strings.Join(paths, ", ") + "]}}]}]}\n"
		found := translate.Compile([]source.File{{Path: "p.yaml", Content: []byte(text)}}, model.DefaultSettings()).Diags
		if got := count(found, diag.CodeSubtreeOnly); got != want {
			t.Errorf("of %d paths %d are said to be forgotten, want %d", n, got, want)
		}
	}
}
