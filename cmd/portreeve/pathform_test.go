package main

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

// TestTheFormOfAPath holds that a path which a backend may resolve otherwise than rules saw it is
// refused wherever a policy decides by path, and that all others go on as they did. In Istio's
// shape nothing is refused.
func TestTheFormOfAPath(t *testing.T) {
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

// TestWhoseFormOfAPathCounts holds where the rule stands: with any policy that decides by path,
// and not where none does, nor where the mesh configuration chooses a mode of Istio.
func TestWhoseFormOfAPathCounts(t *testing.T) {
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

// TestTheFormOfAPathIsLogged holds under which name a refusal is reported.
func TestTheFormOfAPathIsLogged(t *testing.T) {
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
