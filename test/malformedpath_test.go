package test

import (
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// pathRow is a form of a path, and what becomes of it: the path that the backend is given, in
// our shape and in Istio's, or the status of a refusal.
type pathRow struct{ target, ours, istios string }

// pathRows are forms that Envoy does not resolve to what a backend may make of them, forms that it
// does resolve, and forms that look like either and are none.
func pathRows() []pathRow {
	return []pathRow{
		// A dot segment with parameters. Envoy leaves it where the dots are escaped.
		{"/x/%2e%2e;/productpage", "403", "/x/..;/productpage"},
		{"/.%2e;a=b/productpage", "403", "/..;a=b/productpage"},
		{"/public/%2e%2e;/private", "403", "/public/..;/private"},
		{"/public/%2E%2E;a=b;c/private", "403", "/public/..;a=b;c/private"},
		{"/public/%2e;/private", "403", "/public/.;/private"},
		{"/public/..%3b/private", "403", "/public/..%3b/private"},
		{"/public/%2e%2e%3Ba/private", "403", "/public/..%3Ba/private"},
		{"/public/..%253b/private", "403", "/public/..%253b/private"},
		{"/public/%2e%2e;", "403", "/public/..;"},
		{"/public/%2e%2e;%2fprivate", "403", "/public/..;/private"},
		{"/;a=b/private", "403", "/;a=b/private"},
		{"/public%2f..%2f;/private", "403", "/;/private"},
		// Escaped twice, or more often, or in halves.
		{"/x/%252e%252e/productpage", "403", "/x/%252e%252e/productpage"},
		{"/x/%25252E./productpage", "403", "/x/%25252E./productpage"},
		{"/x%252fproductpage", "403", "/x%252fproductpage"},
		{"/x%255Cproductpage", "403", "/x%255Cproductpage"},
		{"/x/%%32%65/productpage", "403", "/x/%252e/productpage"},
		{"/x/%2%65/productpage", "403", "/x/%252e/productpage"},
		{"/%2570rivate", "403", "/%2570rivate"},
		// Overlong, and %u.
		{"/x/%c0%ae%c0%ae/productpage", "403", "/x/%c0%ae%c0%ae/productpage"},
		{"/x/%C0%AE./productpage", "403", "/x/%C0%AE./productpage"},
		{"/x%c0%afproductpage", "403", "/x%c0%afproductpage"},
		{"/x%c1%9cproductpage", "403", "/x%c1%9cproductpage"},
		{"/x/%e0%80%ae./productpage", "403", "/x/%e0%80%ae./productpage"},
		{"/x/%f0%80%80%ae./productpage", "403", "/x/%f0%80%80%ae./productpage"},
		{"/x/%25c0%25ae./productpage", "403", "/x/%25c0%25ae./productpage"},
		{"/x/%u002e%u002e/productpage", "403", "/x/%u002e%u002e/productpage"},
		// What Envoy resolves: rules and backend see the same.
		{"/x/../productpage", "/productpage", "/productpage"},
		{"/x/%2e%2E/productpage", "/productpage", "/productpage"},
		{"/x/..;a=b/productpage", "/productpage", "/productpage"},
		{"/x\\..\\productpage", "/productpage", "/productpage"},
		{"/x%5c..%5Cproductpage", "/productpage", "/productpage"},
		{"/x%2f..%2Fproductpage", "/productpage", "/productpage"},
		{"//productpage", "/productpage", "/productpage"},
		{"/%70roductpage", "/productpage", "/productpage"},
		{"/public/%00", "400", "400"},
		{"/public/%2e%2e%00/private", "400", "400"},
		// What only looks like it.
		{"/productpage;jsessionid=1", "/productpage;jsessionid=1", "/productpage;jsessionid=1"},
		{"/;jsessionid=1", "/;jsessionid=1", "/;jsessionid=1"},
		{"/cars;color=red/2026", "/cars;color=red/2026", "/cars;color=red/2026"},
		{"/a/...;/b", "/a/...;/b", "/a/...;/b"},
		{"/a/x..;/b", "/a/x..;/b", "/a/x..;/b"},
		{"/a/.well-known;x", "/a/.well-known;x", "/a/.well-known;x"},
		{"/100%25/b%2520c%253D", "/100%25/b%2520c%253D", "/100%25/b%2520c%253D"},
		{"/caf%C3%A9/%E2%82%AC/%F0%9F%98%80/%e0%a4%85", "/caf%C3%A9/%E2%82%AC/%F0%9F%98%80/%e0%a4%85", "/caf%C3%A9/%E2%82%AC/%F0%9F%98%80/%e0%a4%85"},
		{"/b?x=/..;/%252e%c0%ae", "/b?x=/..;/%252e%c0%ae", "/b?x=/..;/%252e%c0%ae"},
	}
}

// TestAnAmbiguousPathIsRefused holds that a path which a backend may resolve otherwise than rules saw
// it is refused wherever a policy decides by path, and that all others go on as they did. In Istio's
// shape nothing is refused.
func TestAnAmbiguousPathIsRefused(t *testing.T) {
	for shape, run := range shapes() {
		t.Run(shape, func(t *testing.T) {
			address := run(t, ruled("DENY", "[{to: [{operation: {paths: [/elsewhere]}}]}]"))
			for _, row := range pathRows() {
				want := row.ours
				if shape != "ours" {
					want = row.istios
				}
				if got := outcome(t, address, row.target); got != want {
					t.Errorf("%s: %s, want %s", row.target, got, want)
				}
			}
		})
	}
}

// outcome is the path that the backend was given, or the status of a refusal.
func outcome(t *testing.T, address, target string, header ...string) string {
	t.Helper()
	status, body := raw(t, address, "", target, header...)
	if status == http.StatusOK {
		return body
	}
	return strconv.Itoa(status)
}

// TestARefusedPathIsRefusedInEverySpelling holds that what a rule keeps shut it also keeps shut where
// the path has parameters behind its segments, or escapes for what need not be escaped, and that what
// is allowed or excepted from a refusal is what is written. In Istio's shape only what is written
// counts.
func TestARefusedPathIsRefusedInEverySpelling(t *testing.T) {
	const shut, open = "403", "200"
	for name, c := range map[string]struct {
		policy string
		rows   map[string][2]string // in our shape and in Istio's
	}{
		"DENY": {ruled("DENY", `[{to: [{operation: {paths: [/a/b, /pre/fix*, "*.php", "/t/{*}/u", /user@home, "/caf%C3%A9"]}}]}]`), map[string][2]string{
			"/a/b": {shut, shut}, "/a/b;x=y": {shut, open}, "/a;x/b": {shut, open}, "/a/b%3bx": {shut, open}, "/a/b%3Bx=%2f": {open, open},
			"/a/b/c;x": {open, open}, "/a/bc;x": {open, open}, "/a/;b": {open, open},
			"/pre;x/fixed": {shut, open}, "/pre/fix;x": {shut, shut}, "/x.php;y": {shut, open}, "/x.phpy;z": {open, open},
			"/t/1/u": {shut, shut}, "/t;x/1/u;y": {shut, open}, "/t/1/2/u;y": {open, open},
			"/user%40home": {shut, open}, "/user@home": {shut, shut}, "/caf%c3%a9": {shut, open}, "/caf%C3%A9;x": {shut, open},
		}},
		"ALLOW notPaths": {ruled("ALLOW", `[{to: [{operation: {notPaths: [/a/b]}}]}]`), map[string][2]string{
			"/a/b": {shut, shut}, "/a/b;x": {shut, open}, "/a/c;x": {open, open},
		}},
		"ALLOW": {ruled("ALLOW", `[{to: [{operation: {paths: [/a/b]}}]}]`), map[string][2]string{
			"/a/b": {open, open}, "/a/b;x": {shut, shut}, "/a/b%3bx": {shut, shut},
		}},
		"DENY notPaths": {ruled("DENY", `[{to: [{operation: {notPaths: [/a/b]}}]}]`), map[string][2]string{
			"/a/b": {open, open}, "/a/b;x": {shut, shut},
		}},
		"AUTH_IF_MATCHED": {tutorial(t, "AUTH_IF_MATCHED", "/a/b"), map[string][2]string{
			"/a/b": {shut, shut}, "/a/b;x": {shut, open}, "/a;x/b": {shut, open},
		}},
		"BYPASS_AUTH_IF_MATCHED": {tutorial(t, "BYPASS_AUTH_IF_MATCHED", "/a/b"), map[string][2]string{
			"/a/b": {open, open}, "/a/b;x": {shut, shut},
		}},
	} {
		for shape, run := range shapes() {
			t.Run(name+", "+shape, func(t *testing.T) {
				address := run(t, c.policy)
				for target, want := range c.rows {
					status, _ := raw(t, address, "", target)
					if got := strconv.Itoa(status); got != want[map[bool]int{true: 0, false: 1}[shape == "ours"]] {
						t.Errorf("%s: %s, want %v", target, got, want)
					}
				}
			})
		}
	}
}

// TestALongPathIsAccepted holds that Envoy takes the longest expressions for the spellings of a
// path, and paths that are too long for one.
func TestALongPathIsAccepted(t *testing.T) {
	for name, path := range map[string]string{
		"slashes": strings.Repeat("/a", 340), "more slashes": strings.Repeat("/a", 4000),
		"marks": "/" + strings.Repeat("@", 480), "bytes": strings.Repeat("/é", 250), "plain": "/" + strings.Repeat("a", 8000),
	} {
		t.Run(name, func(t *testing.T) {
			_, address := meshGateway(t, "{}\n", ruled("DENY", `[{to: [{operation: {paths: ["`+path+`"]}}]}]`))
			if status, _ := raw(t, address, "", "/other;x"); status != http.StatusOK {
				t.Errorf("another path: %d", status)
			}
		})
	}
}

// TestPathsAreCheckedWhereAPolicyDecidesByPath holds where the rule stands: with any policy that
// decides by path, and not where none does, nor where the mesh configuration chooses a mode of Istio.
func TestPathsAreCheckedWhereAPolicyDecidesByPath(t *testing.T) {
	const form = "/x/%252e%252e/y"
	chosen := func(mode string) string { return "pathNormalization: {normalization: " + mode + "}\n" }
	paths := ruled("DENY", "[{to: [{operation: {paths: [/elsewhere]}}]}]")
	for name, c := range map[string]struct {
		mesh, policy string
		refused      bool
	}{
		"DENY":               {"{}\n", paths, true},
		"DENY notPaths":      {"{}\n", ruled("DENY", "[{to: [{operation: {notPaths: [/*]}}]}]"), true},
		"ALLOW":              {"{}\n", ruled("ALLOW", "[{to: [{operation: {paths: [/*]}}]}]"), true},
		"ALLOW notPaths":     {"{}\n", ruled("ALLOW", "[{to: [{operation: {notPaths: [/elsewhere]}}]}]"), true},
		"a template":         {"{}\n", ruled("DENY", `[{to: [{operation: {paths: ["/elsewhere/{*}"]}}]}]`), true},
		"the header :path":   {"{}\n", ruled("DENY", `[{when: [{key: "request.headers[:path]", values: [/elsewhere]}]}]`), true},
		"JWTPolicy":          {"{}\n", tutorial(t, "AUTH_IF_MATCHED", "/elsewhere"), true},
		"JWTPolicy, bypass":  {"{}\n", tutorial(t, "BYPASS_AUTH_IF_MATCHED", "/*"), true},
		"no policy":          {"{}\n", "", false},
		"by host alone":      {"{}\n", ruled("DENY", "[{to: [{operation: {hosts: [elsewhere.example]}}]}]"), false},
		"AUDIT":              {"{}\n", ruled("AUDIT", "[{to: [{operation: {paths: [/elsewhere]}}]}]"), false},
		"nothing chosen":     {"pathNormalization: {}\n", paths, true},
		"DEFAULT chosen":     {chosen("DEFAULT"), paths, false},
		"BASE chosen":        {chosen("BASE"), paths, false},
		"our default chosen": {chosen("DECODE_AND_MERGE_SLASHES"), paths, false},
	} {
		t.Run(name, func(t *testing.T) {
			want := form
			if c.refused {
				want = "403"
			}
			_, address := meshGateway(t, c.mesh, c.policy)
			if got := outcome(t, address, form); got != want {
				t.Errorf("%s: %s, want %s", form, got, want)
			}
		})
	}
}

// TestAnAmbiguousPathIsLogged holds under which name a refusal is reported.
func TestAnAmbiguousPathIsLogged(t *testing.T) {
	file := filepath.Join(t.TempDir(), "access.log")
	e, address := meshGateway(t, "accessLogFile: "+file+"\n", adminDenied)
	if got := outcome(t, address, "/x/%2e%2e;/admin"); got != "403" {
		t.Fatal(got)
	}
	e.Stop() // which writes the log out
	log, err := os.ReadFile(file)
	must(t, err)
	if !strings.Contains(string(log), "rbac_access_denied_matched_policy[malformed-path]") {
		t.Errorf("the log does not name the rule:\n%s", log)
	}
}
