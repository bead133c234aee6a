package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/output"
	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/explain"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
)

// shop is a gateway with a public and a guarded part; tokens are verified by a secret.
const shop = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gateway, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 8080, name: http, protocol: HTTP}, hosts: ["*"]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: istio-system}
spec:
  hosts: [shop.example]
  gateways: [gateway]
  http: [{name: shop, route: [{destination: {host: backend.local, port: {number: 80}}}]}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: backend, namespace: istio-system}
spec:
  hosts: [backend.local]
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: STATIC
  endpoints: [{address: 127.0.0.1}]
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, namespace: istio-system}
spec:
  jwtRules:
  - issuer: https://issuer.example
    jwks: '{"keys":[{"kty":"oct","kid":"a","k":"c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"}]}'
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: admins, namespace: istio-system}
spec:
  action: ALLOW
  rules:
  - to: [{operation: {paths: [/admin*]}}]
    when: [{key: "request.auth.claims[groups]", values: [admins]}]
  - to: [{operation: {paths: [/public*]}}]
  - from: [{source: {ipBlocks: [10.0.0.0/8]}}]
    to: [{operation: {paths: [/inside]}}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: elsewhere, namespace: apps}
spec: {action: DENY, rules: [{}]}
`

func explainShop(t *testing.T, args ...string) (string, int) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "shop.yaml")
	write(t, file, shop)
	var out, errs bytes.Buffer
	code := run(t.Context(), append([]string{"explain", file}, args...), &out, &errs)
	if code == exitUsage {
		return errs.String(), code
	}
	return strings.ReplaceAll(out.String(), file, "shop.yaml"), code
}

// TestExplainSaysWhyAtAGlance holds the page that a person reads, of a refusal and of what depends.
func TestExplainSaysWhyAtAGlance(t *testing.T) {
	for name, c := range map[string]struct{ args, want []string }{
		"a claim of another type": {
			[]string{"--request", "GET http://shop.example:8080/admin", "--claims", `{"iss":"https://issuer.example","sub":"a","groups":true}`},
			[]string{
				"DENIED 403\n  body: RBAC: access denied\n", "rbac_access_denied_matched_policy[none]",
				"-     ns[istio-system]-policy[admins]-rule[0]  shop.yaml:4", "saw claim groups is a boolean; only text and lists of text match",
				"everything that no rule allows is refused here because an ALLOW policy applies: ns[istio-system]-policy[admins] (shop.yaml:4",
				"no signature was looked at", "applies  AuthorizationPolicy istio-system/admins", "not here  AuthorizationPolicy apps/elsewhere: its namespace",
			},
		},
		"an address that is not said": {
			[]string{"--request", "GET http://shop.example:8080/inside"},
			[]string{"DEPENDS on what the request does not say\n", "depends on\n  source IP is in 10.0.0.0/8\n", "ipBlocks and source.ip see an address that is not known (--client-ip)"},
		},
		"no token": {
			[]string{"--request", "GET http://shop.example:8080/admin"},
			[]string{"DENIED 403\n", "without a token jwt_authn lets the request pass"},
		},
		"no token where none is asked for": {
			[]string{"--request", "http://shop.example:8080/public"},
			[]string{"ALLOWED\n  by ns[istio-system]-policy[admins]-rule[1]", "nothing asks this request for one", "goes to\n  outbound|80||backend.local\n"},
		},
		"a token that the backend does not see": {
			[]string{"--request", "GET http://shop.example/public", "--port", "8080", "--claims", `{"iss":"https://issuer.example","sub":"a"}`},
			[]string{"ALLOWED\n", "the backend does not see the Authorization header"},
		},
		"a foreign token": {
			[]string{"--request", "GET http://shop.example:8080/public", "--claims", `{"iss":"https://other.example"}`},
			[]string{"DENIED 401\n", "iss is that of no RequestAuthentication here", "tokens in their places are claimed by origins-0"},
		},
		"another port": {
			[]string{"--request", "GET http://shop.example/public"},
			[]string{"CLOSED: the gateway does not take the connection\n  nothing listens on port 80; the gateway's ports: 8080\n"},
		},
		"what is none in HTTP/2": {
			[]string{"--request", "GET http://shop.example:8080/public HTTP/2", "-H", "connection: close"},
			[]string{"CLOSED: the gateway resets the request, which is none in HTTP/2\n"},
		},
		"a connection to a server of requests": {
			[]string{"--request", "tcp://shop.example:8080"},
			[]string{"DEPENDS", "not looked at\n  what is sent on the connection: the server of this port reads requests"},
		},
		"a gateway that nothing selects": {
			[]string{"--request", "GET http://shop.example:8080/public", "--labels", "a=b"},
			[]string{"CLOSED: the gateway does not take the connection\n  the gateway listens on no port: no Gateway selects it\n"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			out, code := explainShop(t, c.args...)
			if code != exitClean {
				t.Fatalf("exit %d: %s", code, out)
			}
			for _, text := range c.want {
				if !strings.Contains(out, text) {
					t.Errorf("it does not say %q:\n%s", text, out)
				}
			}
		})
	}
}

// TestExplainShowsNoToken holds for tokens wherever they are given, in all formats.
func TestExplainShowsNoToken(t *testing.T) {
	const payload, secret = "eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIn0", `p<ss"w-rd`
	token := "eyJhbGciOiJIUzI1NiJ9." + payload + ".c2lnbmF0dXJl"
	file := filepath.Join(t.TempDir(), "token")
	write(t, file, token+"\n")
	for name, args := range map[string][]string{
		"a file":     {"--request", "GET http://shop.example:8080/public", "--token", file},
		"an URL":     {"--request", "GET http://shop.example:8080/public?access_token=${token}", "--token", file},
		"a header":   {"--request", "GET http://shop.example:8080/public", "-H", "Authorization: Bearer " + token},
		"claims":     {"--request", "GET http://shop.example:8080/public", "--claims", `{"iss":"https://issuer.example"}`},
		"a password": {"--request", "GET http://shop.example:8080/public?api_token=" + secret, "-H", "X-Api-Key: " + secret},
	} {
		for _, format := range []string{"text", "json", "yaml"} {
			out, code := explainShop(t, append(args, "-o", format)...)
			if code != exitClean {
				t.Fatalf("%s: exit %d: %s", name, code, out)
			}
			for _, hidden := range []string{payload, "c2lnbmF0dXJl", "w-rd"} {
				if strings.Contains(out, hidden) {
					t.Errorf("%s as %s shows %q:\n%s", name, format, hidden, out)
				}
			}
		}
	}
}

// TestExplainAsJSON holds that scripts get the whole answer.
func TestExplainAsJSON(t *testing.T) {
	out, _ := explainShop(t, "--request", "GET http://shop.example:8080/admin", "-o", "json", "--client-ip", "192.0.2.1")
	var got explained
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if got.Answer.Verdict != explain.Denied || got.Answer.Status != http.StatusForbidden || len(got.Answer.Reasons) < 4 || got.Request.Port != 8080 || len(got.Policies) != 3 {
		t.Errorf("it says %s", out)
	}
}

// TestExplainDetails leads from a string of an access log to the rule, and says what it means.
func TestExplainDetails(t *testing.T) {
	for details, want := range map[string][]string{
		"rbac_access_denied_matched_policy[ns[istio-system]-policy[admins]-rule[1]]": {"shop.yaml:4", "paths: [/public*]"},
		"ns[istio-system]-policy[admins]-rule[1]":                                    {"shop.yaml:4", "paths: [/public*]"},
		"rbac_access_denied_matched_policy[none]":                                    {"no rule of any ALLOW policy took the request"},
		"rbac_access_denied_matched_policy[ns[a]-policy[b]-rule[0]]":                 {"this gateway has no such rule"},
		"jwt_authn_access_denied{Audiences_in_Jwt_are_not_allowed}":                  {"The status is 403, not 401"},
		"jwt_authn_access_denied{Jwt_is_expired}":                                    {"more than 60 s ago"},
	} {
		out, code := explainShop(t, "--details", details)
		for _, text := range want {
			if code != exitClean || !strings.Contains(out, text) {
				t.Errorf("%s: exit %d, it does not say %q:\n%s", details, code, text, out)
			}
		}
	}
}

// TestExplainRefusesWhatItDoesNotUnderstand holds for flags: usage is exit code 2, with a way out.
func TestExplainRefusesWhatItDoesNotUnderstand(t *testing.T) {
	const url = "http://shop.example:8080/"
	for want, args := range map[string][]string{
		"give --request":                 {},
		"no METHOD URL":                  {"--request", "shop"},
		"is not one of http":             {"--request", "ftp://shop.example/"},
		"no port":                        {"--request", "tcp://shop.example"},
		"without a colon":                {"--request", url, "-H", "x"},
		"is no IP address":               {"--request", url, "--client-ip", "x"},
		"is no time":                     {"--request", url, "--at", "yesterday"},
		"neither PROVIDER=allow nor":     {"--request", url, "--assume", "x=maybe"},
		"--claims is no JSON object":     {"--request", url, "--claims", "[]"},
		"not both":                       {"--request", url, "--claims", "{}", "--token", "x"},
		"-H sets Authorization":          {"--request", url, "--claims", "{}", "-H", "Authorization: x"},
		"is none of the strings":         {"--details", "hello"},
		"is not one of text, json, yaml": {"--request", url, "-o", "xml"},
		"give a PATH or --admin-address": {"--request", url, "--admin-address", "127.0.0.1:1"},
		"no such file or directory":      {"--request", url, "--token", "/nowhere"},
		`"99999" is no port`:             {"--request", "http://shop.example:99999/"},
		"--shape":                        {"--request", url, "--shape", "round"},
	} {
		want = strings.TrimPrefix(want, "--")
		if out, code := explainShop(t, args...); code != exitUsage || !strings.Contains(out, want) {
			t.Errorf("%v: exit %d, it does not say %q: %s", args, code, want, out)
		}
	}
	broken := newPolicyDir(t, map[string]string{"a.yaml": strings.Replace(denial, "DENY", "NO", 1)})
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"explain", broken, "--request", url}, &out, &errs); code != exitFindings {
		t.Errorf("broken policy: exit %d", code)
	}
}

// TestExplainAsksARunningControlPlane holds for what a gateway really has: positions are there, and what a
// secret decides, which is not shown, is open.
func TestExplainAsksARunningControlPlane(t *testing.T) {
	file := filepath.Join(t.TempDir(), "shop.yaml")
	write(t, file, shop)
	program, err := compile([]string{file}, compileFlags{keyFetch: fetchByControlPlane}, nil)
	must(t, err)
	resources, _ := program.For(model.Gateway{Namespace: "istio-system", Labels: map[string]string{"istio": "ingressgateway"}})
	plane := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/debug/config" {
			http.NotFound(w, r)
			return
		}
		_ = output.JSON(w, []struct {
			Namespace string            `json:"namespace"`
			Labels    map[string]string `json:"labels"`
			Config    output.Resources  `json:"config"`
			Trace     envoy.Trace       `json:"trace"`
		}{{"istio-system", map[string]string{"istio": "ingressgateway"}, output.ResourcesOf(resources), resources.Trace}})
	}))
	t.Cleanup(plane.Close)
	token := filepath.Join(t.TempDir(), "token")
	must(t, os.WriteFile(token, []byte("eyJhbGciOiJIUzI1NiIsImtpZCI6ImEifQ.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIn0.c2lnbmF0dXJl"), 0o600))
	address := strings.TrimPrefix(plane.URL, "http://")
	ask := func(args ...string) (string, int) {
		var out, errs bytes.Buffer
		code := run(t.Context(), append([]string{"explain", "--admin-address", address}, args...), &out, &errs)
		return out.String() + errs.String(), code
	}
	for name, c := range map[string]struct{ args, want []string }{
		"positions": {[]string{"--request", "GET http://shop.example:8080/admin"}, []string{"DENIED 403\n", file + ":4"}},
		"a secret":  {[]string{"--request", "GET http://shop.example:8080/public", "--token", token}, []string{"DEPENDS on", "verify the token"}},
		"details":   {[]string{"--details", "ns[istio-system]-policy[admins]-rule[0]"}, []string{file + ":4"}},
	} {
		out, code := ask(c.args...)
		for _, text := range c.want {
			if code != exitClean || !strings.Contains(out, text) {
				t.Errorf("%s: exit %d, it does not say %q:\n%s", name, code, text, out)
			}
		}
	}
	if out, code := ask("--request", "GET http://shop.example/", "--labels", "a=b"); code != exitUsage || !strings.Contains(out, "connected are:\n  --namespace istio-system --labels istio=ingressgateway") {
		t.Errorf("another gateway: exit %d: %s", code, out)
	}
}

// TestExplainSaysThatNoGatewayIsThere holds for a control plane to which none is connected.
func TestExplainSaysThatNoGatewayIsThere(t *testing.T) {
	plane := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("[]")) }))
	t.Cleanup(plane.Close)
	var out, errs bytes.Buffer
	args := []string{"explain", "--admin-address", strings.TrimPrefix(plane.URL, "http://"), "--request", "http://shop.example/"}
	if code := run(t.Context(), args, &out, &errs); code != exitUsage || !strings.Contains(errs.String(), "no gateway is connected") {
		t.Errorf("exit %d: %s%s", code, out.String(), errs.String())
	}
}

// TestExplainTellsTheNearestRulesFirst holds that of many rules which do not match those are told which are
// about the path that was asked for.
func TestExplainTellsTheNearestRulesFirst(t *testing.T) {
	const policy = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: %s, namespace: istio-system}
spec: {rules: [{to: [{operation: {paths: [%s]}}], from: [{source: {requestPrincipals: ["*"]}}]}]}
---
`
	content := shop + "\n---\n"
	for i := range 30 {
		content += fmt.Sprintf(policy, fmt.Sprintf("far%d", i), "/elsewhere")
	}
	dir := newPolicyDir(t, map[string]string{"a.yaml": content + fmt.Sprintf(policy, "near", "/asked")})
	var out, errs bytes.Buffer
	run(t.Context(), []string{"explain", dir, "--request", "http://shop.example:8080/asked"}, &out, &errs)
	if got := out.String(); !strings.Contains(got, "rbac.allow\n    -     ns[istio-system]-policy[near]") || !strings.Contains(got, "more that do not match; -o json has them all") {
		t.Errorf("%s%s", got, errs.String())
	}
}

// TestExplainTellsNoAnswerOfWhichItIsNotSure holds that a control plane which serves something else than the policy as it
// is written is found out: exit code 2, and neither answer.
func TestExplainTellsNoAnswerOfWhichItIsNotSure(t *testing.T) {
	of := func(policy string) envoy.Resources {
		program := translate.Compile([]source.File{{Path: "shop.yaml", Content: []byte(policy)}}, model.DefaultSettings())
		resources, refused := program.Unoptimized().For(model.Gateway{Namespace: "istio-system", Labels: map[string]string{"istio": "ingressgateway"}})
		if refused.HasErrors() {
			t.Fatal(refused)
		}
		return resources
	}
	served, told := of(strings.ReplaceAll(shop, "/public*", "/other*")), of(shop)
	plane := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = output.JSON(w, []map[string]any{{
			"namespace": "istio-system", "labels": map[string]string{"istio": "ingressgateway"},
			"config": output.ResourcesOf(served), "ruleByRule": output.ResourcesOf(told).ExtensionConfigs, "trace": told.Trace,
		}})
	}))
	t.Cleanup(plane.Close)
	for path, want := range map[string]int{"/public": exitUsage, "/none": exitClean} {
		var out, errs bytes.Buffer
		code := run(t.Context(), []string{"explain", "--admin-address", strings.TrimPrefix(plane.URL, "http://"), "--request", "GET http://shop.example:8080" + path}, &out, &errs)
		if code != want || (want == exitUsage) != strings.Contains(errs.String(), "internal error: what the gateway is served is not the policy as it is written") || (want == exitUsage) != (out.Len() == 0) {
			t.Errorf("%s: exit %d: %s%s", path, code, out.String(), errs.String())
		}
	}
}

// TestDetailsOfARequestNameAllRulesThatRefuseIt holds that with the request all are named, as a log has only one.
func TestDetailsOfARequestNameAllRulesThatRefuseIt(t *testing.T) {
	const deny = "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: %s, namespace: istio-system}\nspec: {action: DENY, rules: [{to: [{operation: {paths: [%s]}}]}]}\n"
	file := filepath.Join(t.TempDir(), "shop.yaml")
	write(t, file, shop+fmt.Sprintf(deny, "one", "/public*")+fmt.Sprintf(deny, "two", "/public/x")+fmt.Sprintf(deny, "three", "/other"))
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"explain", file, "--request", "GET http://shop.example:8080/public/x", "--details", "rbac_access_denied_matched_policy[ns[istio-system]-policy[two]-rule[0]]"}, &out, &errs)
	if text := out.String(); code != exitClean || strings.Count(text, "refuses the request too") != 1 || !strings.Contains(text, "refuses the request too: ns[istio-system]-policy[one]-rule[0]") {
		t.Errorf("exit %d: %s%s", code, text, errs.String())
	}
}
