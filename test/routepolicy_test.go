package test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// tokensOf is a RequestAuthentication with one key; further fields of its rule may follow.
func tokensOf(t testing.TB, key signingKey, further string) string {
	t.Helper()
	return fmt.Sprintf(`apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, namespace: istio-system}
spec:
  jwtRules:
  - {issuer: a.issuer, jwks: '%s'%s}
`, keySet(t, key), further)
}

// needToken refuses a path to requests without a token.
func needToken(path string) string {
	return fmt.Sprintf(`---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: need-a-token, namespace: istio-system}
spec:
  action: DENY
  rules: [{from: [{source: {notRequestPrincipals: ["*"]}}], to: [{operation: {paths: [%s]}}]}]
`, path)
}

// TestAClaimDecidesTheBackend leads two values of a claim to two backends and everybody else to a third.
func TestAClaimDecidesTheBackend(t *testing.T) {
	key := newSigningKey(t)
	r := newRouter(t, names(t, "a.test", "b.test", "c.test", "not-a.test"), routes("claims",
		`{match: [{uri: {prefix: /without}, withoutHeaders: {"@request.auth.claims.group": {exact: a}}}], `+to("not-a.test")+`}`,
		`{match: [{headers: {"@request.auth.claims.group": {exact: a}}}, {headers: {"@request.auth.claims.realm.role": {prefix: a}}}, {headers: {"@request.auth.claims[https://a.example/role]": {regex: "a+"}}}], `+to("a.test")+`}`,
		`{match: [{headers: {"@REQUEST.auth.claims[group]": {exact: b}}}], `+to("b.test")+`}`,
		`{`+to("c.test")+`}`), tokensOf(t, key, ""))
	token := func(claims map[string]any) []string { return bearer(key.token(t, "a.issuer", claims)) }
	forged := newSigningKey(t).as(t, key)
	for name, c := range map[string]struct {
		path   string
		header []string
		want   string
	}{
		"one value":         {"/", token(map[string]any{"group": "a"}), "a.test"},
		"another value":     {"/", token(map[string]any{"group": "b"}), "b.test"},
		"in a list":         {"/", token(map[string]any{"group": []string{"x", "b"}}), "b.test"},
		"within another":    {"/", token(map[string]any{"realm": map[string]any{"role": "admin"}}), "a.test"},
		"a name with dots":  {"/", token(map[string]any{"https://a.example/role": "aaa"}), "a.test"},
		"other value":       {"/", token(map[string]any{"group": "aa"}), "c.test"},
		"other type":        {"/", token(map[string]any{"group": true}), "c.test"},
		"without the claim": {"/", token(nil), "c.test"},
		"no token":          {"/", nil, "c.test"},
		// What a client can send stands for no claim.
		"a header of the name":         {"/", []string{"@request.auth.claims.group", "a", "Group", "a", "X-Jwt-Payload", "eyJncm91cCI6ImEifQ"}, "c.test"},
		"a forged token":               {"/", bearer(forged.token(t, "a.issuer", map[string]any{"group": "a"})), "Jwt verification fails"},
		"another issuer's":             {"/", bearer(key.token(t, "other.issuer", map[string]any{"group": "a"})), "Jwt issuer is not configured"},
		"preflight with a wrong token": {"/", append(bearer("x"), "Origin", "https://a.example", "Access-Control-Request-Method", "GET"), "c.test"},
		"without, with the claim":      {"/without", token(map[string]any{"group": "a"}), "a.test"},
		"without, other value":         {"/without", token(map[string]any{"group": "b"}), "not-a.test"},
		"without, no token":            {"/without", nil, "not-a.test"},
	} {
		q := request{path: c.path, header: c.header}
		if name == "preflight with a wrong token" {
			q.method = http.MethodOptions
		}
		if got := string(r.do(t, q).Body); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	// One connection, one token after the other: no route is kept from the request before.
	c := dial(t, r.address)
	for range 20 {
		for group, want := range map[string]string{"a": "a.test", "b": "b.test", "": "c.test"} {
			var header []string
			if group != "" {
				header = token(map[string]any{"group": group})
			}
			if got := string(do(t, c, r.address, request{path: "/", header: header}).Body); got != want {
				t.Fatalf("group %q on an open connection: %s, want %s", group, got, want)
			}
		}
	}
}

// TestNoClientWritesAHeaderThatIsSetFromAClaim holds that a client writes no header that a route sets
// from a claim, nor gets by sending one to a route that is for a claim.
func TestNoClientWritesAHeaderThatIsSetFromAClaim(t *testing.T) {
	key, backend := newSigningKey(t), envoytest.RunBackend(t)
	services := names(t, "admins.test")
	services["HTTP a.test"] = backend.Port()
	r := newRouter(t, services, routes("claims",
		`{match: [{uri: {exact: /by-header}, headers: {x-sub: {exact: admin}}}], `+to("admins.test")+`}`,
		`{headers: {request: {set: {x-group: "%DYNAMIC_METADATA(envoy.filters.http.jwt_authn:payload:group)%"}}}, `+to("a.test")+`}`),
		tokensOf(t, key, `, outputClaimToHeaders: [{header: x-sub, claim: sub}]`))
	forged := []string{"X-Group", "admin", "X-Sub", "admin"}
	_, got := r.received(t, request{path: "/", header: forged})
	if got.Header.Get("X-Group") != "" || got.Header.Get("X-Sub") != "" {
		t.Errorf("without a token the backend got X-Group %q and X-Sub %q", got.Header.Get("X-Group"), got.Header.Get("X-Sub"))
	}
	_, got = r.received(t, request{path: "/", header: append(bearer(key.token(t, "a.issuer", map[string]any{"group": "users"})), forged...)})
	if got.Header.Get("X-Group") != "users" || got.Header.Get("X-Sub") != "somebody" {
		t.Errorf("with a token the backend got X-Group %q and X-Sub %q", got.Header.Get("X-Group"), got.Header.Get("X-Sub"))
	}
	_, got = r.received(t, request{path: "/", header: []string{"X_Sub", "admin", "X_Other", "kept"}})
	if got.Header.Get("X_Sub") != "" || got.Header.Get("X_Other") != "kept" {
		t.Errorf("a backend to which _ is - got X_Sub %q, and another header is %q", got.Header.Get("X_Sub"), got.Header.Get("X_Other"))
	}
	if answer := r.do(t, request{path: "/by-header", header: forged}); string(answer.Body) == "admins.test" {
		t.Error("a header that only claims write, sent by a client without a token, chose the route")
	}
	if answer := r.do(t, request{path: "/by-header", header: bearer(key.token(t, "a.issuer", map[string]any{"sub": "admin"}))}); string(answer.Body) != "admins.test" {
		t.Errorf("the claim did not choose the route: %s", answer.Body)
	}
}

// TestPolicyComesBeforeCORS asks as browsers do. Policy comes before the route's answer.
func TestPolicyComesBeforeCORS(t *testing.T) {
	key := newSigningKey(t)
	cors := `corsPolicy: {allowOrigins: [{exact: "https://a.example"}, {regex: "https://.*[.]b[.]example"}], allowMethods: [GET, POST], allowHeaders: [x-a], exposeHeaders: [x-b], maxAge: 1h, allowCredentials: true`
	r := newRouter(t, names(t, "a.test"), routes("cors",
		`{match: [{uri: {exact: /ignore}}], `+cors+`, unmatchedPreflights: IGNORE}, `+to("a.test")+`}`,
		`{match: [{uri: {exact: /none}}], `+to("a.test")+`}`,
		`{`+cors+`}, `+to("a.test")+`}`), tokensOf(t, key, "")+needToken("/guarded"))
	preflight := func(path, origin string) *envoytest.Answer {
		return r.do(t, request{method: http.MethodOptions, path: path, header: []string{"Origin", origin, "Access-Control-Request-Method", "POST"}})
	}
	for _, origin := range []string{"https://a.example", "https://x.b.example"} {
		answer := preflight("/", origin)
		wantHeaders(t, answer, map[string]string{"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Methods": "GET,POST", "Access-Control-Allow-Headers": "x-a", "Access-Control-Max-Age": "3600", "Access-Control-Allow-Credentials": "true"})
		if answer.Status != 200 || len(answer.Body) > 0 {
			t.Errorf("preflight of %s: %d %q, want the gateway's own answer", origin, answer.Status, answer.Body)
		}
	}
	if answer := preflight("/", "https://evil.example"); answer.Header.Get("Access-Control-Allow-Origin") != "" || string(answer.Body) != "a.test" {
		t.Errorf("preflight of another origin: %q %v, want it to go on to the backend", answer.Body, answer.Header)
	}
	if answer := preflight("/ignore", "https://evil.example"); answer.Header.Get("Access-Control-Allow-Origin") != "" || string(answer.Body) == "a.test" {
		t.Errorf("preflight of another origin that is to be ignored: %d %q", answer.Status, answer.Body)
	}
	if answer := preflight("/none", "https://a.example"); string(answer.Body) != "a.test" {
		t.Errorf("preflight of a route without a CORS policy: %q", answer.Body)
	}
	actual := r.do(t, request{path: "/", header: []string{"Origin", "https://a.example"}})
	wantHeaders(t, actual, map[string]string{"Access-Control-Allow-Origin": "https://a.example", "Access-Control-Expose-Headers": "x-b", "Access-Control-Allow-Credentials": "true"})
	// As under Istio a preflight, which has no token, is refused where one is needed.
	if answer := preflight("/guarded", "https://a.example"); answer.Status != 403 {
		t.Errorf("preflight of a path that needs a token: %d, want 403", answer.Status)
	}
	if answer := r.do(t, request{path: "/guarded", header: append(bearer(key.token(t, "a.issuer", nil)), "Origin", "https://a.example")}); answer.Status != 200 {
		t.Errorf("with a token: %d", answer.Status)
	}
}

func TestADelegateLetsInNoMoreThanItsRoute(t *testing.T) {
	delegate := func(name, namespace, http string) string {
		return fmt.Sprintf("---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: %s, namespace: %s}\nspec:\n  http:\n  - %s\n", name, namespace, http)
	}
	root := routes("root",
		`{match: [{uri: {prefix: /cart}}], delegate: {name: cart, namespace: team}, headers: {response: {set: {x-root: "yes"}}}}`,
		`{match: [{uri: {prefix: /orders}}], delegate: {name: orders}}`,
		`{match: [{uri: {prefix: /gone}}], delegate: {name: gone}}`,
		`{match: [{uri: {prefix: /ruled}, withoutHeaders: {x-out: {prefix: a}}}], delegate: {name: ruled, namespace: team}}`,
		`{`+to("c.test")+`}`)
	cart := delegate("cart", "team", `{match: [{uri: {prefix: /cart/items}, method: {exact: GET}}], `+to("a.test")+`}
  - {match: [{uri: {prefix: /orders}}], `+to("c.test")+`}
  - {`+to("b.test")+`, headers: {response: {set: {x-own: "yes"}}}}`)
	orders := delegate("orders", "default", `{match: [{uri: {exact: /orders/1}}], directResponse: {status: 410}}`)
	ruled := delegate("ruled", "team", `{match: [{withoutHeaders: {x-out: {prefix: ab}}}], `+to("a.test")+`}`)
	r := newRouter(t, names(t, "a.test", "b.test", "c.test"), root+cart+orders+ruled, "")
	for _, c := range []struct{ method, path, want, root, own string }{
		{"GET", "/cart/items/1", "a.test", "yes", ""},
		{"POST", "/cart/items/1", "b.test", "", "yes"},
		{"GET", "/cart", "b.test", "", "yes"},
		{"GET", "/orders/2", "c.test", "", ""},
		{"GET", "/gone", "c.test", "", ""},
		{"GET", "/items", "c.test", "", ""},
	} {
		answer := r.do(t, request{method: c.method, path: c.path})
		if string(answer.Body) != c.want || answer.Header.Get("X-Root") != c.root || answer.Header.Get("X-Own") != c.own {
			t.Errorf("%s %s: %q %v, want %+v", c.method, c.path, answer.Body, answer.Header, c)
		}
	}
	// A delegate cannot let in what the route that delegates rules out.
	for value, want := range map[string]string{"": "a.test", "b": "a.test", "ac": "c.test", "ab": "c.test"} {
		if got := r.do(t, request{path: "/ruled", header: []string{"X-Out", value}}); string(got.Body) != want {
			t.Errorf("/ruled with x-out %q: %q, want %s", value, got.Body, want)
		}
	}
	if got := r.do(t, request{path: "/orders/1"}).Status; got != http.StatusGone {
		t.Errorf("/orders/1: %d, want the delegate's 410", got)
	}
	// A mistake in a delegate keeps what is served, also where the root is without fault.
	before := r.do(t, request{path: "/cart"}).Status
	replace(t, r.routes, root+delegate("cart", "team", `{match: [{uri: {regex: "("}}], `+to("a.test")+`}`)+orders+ruled)
	eventually(t, "the mistake is found", func() bool {
		status, err := r.status(t)
		return err == nil && status.Diagnostics.HasErrors()
	})
	if got := r.do(t, request{path: "/cart"}).Status; got != before {
		t.Errorf("after a mistake in a delegate: %d, want %d", got, before)
	}
}

// TestARouteEditChangesOnlyRoutes edits every part of a route and counts what Envoy takes up.
func TestARouteEditChangesOnlyRoutes(t *testing.T) {
	r := newRouter(t, names(t, "a.test", "b.test"), routes("edits", `{`+to("a.test")+`}`), denial("guard", "ingressgateway", "/denied"))
	others := []string{`^listener_manager\.lds\.update_success$`, `^cluster_manager\.cds\.update_success$`, `\.eds\.update_success$|^cluster\..*\.update_success$`, `extension_config_discovery\..*\.config_reload$`, `\.sds\..*update_success$`}
	before := map[string]uint64{}
	for _, o := range others {
		before[o] = r.counter(t, o)
	}
	routesBefore := r.counter(t, `\.rds\..*\.update_success$`)
	open := dial(t, r.address)
	do(t, open, r.address, request{path: "/"})
	edits := []string{
		to("b.test"), "redirect: {uri: /x}", "directResponse: {status: 418}",
		"timeout: 1s, " + to("a.test"), "retries: {attempts: 5}, " + to("a.test"), "rewrite: {uri: /y}, " + to("a.test"),
		"fault: {abort: {httpStatus: 418, percentage: {value: 100}}}, " + to("a.test"), "mirror: {host: b.test}, " + to("a.test"),
		`corsPolicy: {allowOrigins: [{exact: "https://a.example"}]}, ` + to("a.test"), `headers: {response: {set: {x-a: b}}}, ` + to("a.test"),
		`match: [{headers: {x: {exact: a}}}], ` + to("a.test"), "route: [{destination: {host: a.test}, weight: 1}, {destination: {host: b.test}, weight: 1}]",
	}
	for _, e := range edits {
		r.edit(t, routes("edits", "{"+e+"}"))
	}
	for _, o := range others {
		if got := r.counter(t, o); got != before[o] {
			t.Errorf("%s rose by %d through edits of routes", o, got-before[o])
		}
	}
	if got := r.counter(t, `\.rds\..*\.update_success$`) - routesBefore; got != uint64(len(edits)) {
		t.Errorf("%d updates of routes for %d edits", got, len(edits))
	}
	eventually(t, "an open connection has the last edit", func() bool { return do(t, open, r.address, request{path: "/"}).Status == 200 })
	if got := do(t, open, r.address, request{path: "/denied"}).Status; got != 403 {
		t.Errorf("/denied: %d, want 403", got)
	}
}
