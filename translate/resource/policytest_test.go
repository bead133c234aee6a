package resource_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
	"github.com/portreeve/portreeve/translate/source"
)

// TestAPolicyTestIsBounded holds how many requests, tokens, issuers and gateways one may have.
func TestAPolicyTestIsBounded(t *testing.T) {
	const one = "tests: [{name: a, request: {url: http://a/}, expect: {verdict: denied}}]"
	list := func(n int, item string) string {
		var out []string
		for i := range n {
			out = append(out, strings.ReplaceAll(item, "N", fmt.Sprint(i)))
		}
		return strings.Join(out, ", ")
	}
	for name, c := range map[string]struct {
		spec func(n int) string
		most int
	}{
		"requests": {func(n int) string {
			return "tests: [{name: a, requests: [" + list(n, "{url: http://a/N}") + "], expect: {verdict: denied}}]"
		}, 1000},
		"tests": {func(n int) string {
			return "tests: [" + list(n, "{name: aN, request: {url: http://a/}, expect: {verdict: denied}}") + "]"
		}, 1000},
		"tokens": {func(n int) string {
			return "issuers: [{name: i, issuer: i}], tokens: {" + list(n, "tN: {issuer: i}") + "}, " + one
		}, 256},
		"issuers":  {func(n int) string { return "issuers: [" + list(n, "{name: iN, issuer: i}") + "], " + one }, 256},
		"gateways": {func(n int) string { return "gateways: [" + list(n, "{namespace: nN}") + "], " + one }, 16},
	} {
		for n, want := range map[int]int{c.most: 0, c.most + 1: 1} {
			documents, found := source.Parse([]source.File{{Path: "t.yaml", Content: []byte("apiVersion: portreeve.dev/v1alpha1\nkind: PolicyTest\nmetadata: {name: t}\nspec: {" + c.spec(n) + "}\n")}})
			_, diags := resource.Decode(documents)
			if all := append(found, diags...); len(all) != want || want == 1 && all[0].Code != diag.CodeTooMany {
				t.Errorf("%d %s: %v", n, name, all)
			}
		}
	}
}

// FuzzTestURL holds that no url makes reading it fail in another way than by an error, and that what is read
// has a port, a path, and of a request a host.
func FuzzTestURL(f *testing.F) {
	for _, seed := range []string{"http://a/", "https://[::1]:8443/x?y#z", "tcp://:5432", "tls://a", "http://a:b", "http://a//../%2e%2e;/b", "http://u@a/", "http://?x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := resource.ReadTestURL(text)
		if err == nil && (u.Port == 0 || u.Port > 65535 || !strings.HasPrefix(u.Path, "/") || u.Host == "" && !u.Connection) {
			t.Errorf("%q is read as %+v", text, u)
		}
	})
}
