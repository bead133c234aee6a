package test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// loggedBy runs a gateway of the namespace edge with providers that write to files, asks for /fine
// and for /admin, which is denied, and returns what each provider wrote: its name and the path.
func loggedBy(t *testing.T, mesh, telemetry string) []string {
	t.Helper()
	envoytest.Require(t)
	logs := t.TempDir()
	settings := fmt.Sprintf("accessLogFile: %s/mesh\naccessLogFormat: \"%%REQ(:PATH)%%\"\n%sextensionProviders:\n", logs, mesh)
	for _, name := range []string{"a", "b", "c"} {
		settings += fmt.Sprintf("- name: %s\n  envoyFileAccessLog: {path: %s/%s, logFormat: {text: \"%%REQ(:PATH)%%\"}}\n", name, logs, name)
	}
	port := envoytest.FreePort(t)
	dir := newPolicyDir(t, map[string]string{"routing.yaml": routing(port, envoytest.RunBackend(t).Port()) + telemetry, "denial.yaml": denial("admin", "ingressgateway", "/admin")})
	p := startPlane(t, dir, "--mesh-config", meshFile(t, settings))
	gateway := p.startGateway(t, envoytest.Options{}, "--namespace", "edge")
	address := gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))
	ask(t, address, "/fine")
	ask(t, address, "/admin")
	gateway.Stop() // which writes the logs out
	out := []string{}
	for _, name := range []string{"a", "b", "c", "mesh"} {
		content, err := os.ReadFile(filepath.Join(logs, name))
		if !os.IsNotExist(err) {
			must(t, err)
		}
		for _, path := range strings.Fields(string(content)) {
			out = append(out, name+" "+path)
		}
	}
	return out
}

// told is a Telemetry of a namespace, for the workloads that a selector names where there is one.
func told(namespace, selector, entries string) string {
	if selector != "" {
		selector = fmt.Sprintf("  selector: {matchLabels: {istio: %s}}\n", selector)
	}
	return fmt.Sprintf("---\napiVersion: telemetry.istio.io/v1\nkind: Telemetry\nmetadata: {name: logs%d, namespace: %s}\nspec:\n%s  accessLogging: [%s]\n", len(selector), namespace, selector, entries)
}

// TestTheClosestTelemetryDecidesWhichLogsAreWritten holds for each field of accessLogging, and for the
// levels that a gateway's Telemetry objects are on, which providers get a line.
func TestTheClosestTelemetryDecidesWhichLogsAreWritten(t *testing.T) {
	const defaultB, failures = "defaultProviders: {accessLogging: [b]}\n", `filter: {expression: "response.code >= 400"}`
	for name, c := range map[string]struct {
		mesh, telemetry, want string
	}{
		"no Telemetry: the mesh configuration's file": {"", "", "mesh /fine, mesh /admin"},
		"no Telemetry: the default provider":          {defaultB, "", "b /fine, b /admin"},
		"several providers":                           {defaultB, told("edge", "", "{providers: [{name: a}, {name: c}]}"), "a /fine, a /admin, c /fine, c /admin"},
		"none but providers that nobody defines":      {"", told("edge", "", "{providers: [{name: nobody}]}"), "mesh /fine, mesh /admin"},
		"modes: a gateway is a client":                {"", told("edge", "", "{providers: [{name: a}], match: {mode: CLIENT}}, {providers: [{name: b}], match: {mode: SERVER}}, {providers: [{name: c}], match: {mode: CLIENT_AND_SERVER}}"), "a /fine, a /admin, c /fine, c /admin"},
		"disabled":                                    {"", told("edge", "", "{providers: [{name: a}, {name: b}]}, {providers: [{name: b}], disabled: true}"), "a /fine, a /admin"},
		"disabled for servers":                        {"", told("edge", "", "{providers: [{name: a}]}, {providers: [{name: a}], disabled: true, match: {mode: SERVER}}"), "a /fine, a /admin"},
		"the default provider disabled":               {defaultB, told("edge", "", "{disabled: true}"), ""},
		"filters of one provider each":                {"", told("edge", "", "{providers: [{name: a}], "+failures+`}, {providers: [{name: b}], filter: {expression: "response.code == 200"}}, {providers: [{name: c}]}`), "a /admin, b /fine, c /fine, c /admin"},
		"the last filter of a provider counts":        {"", told("edge", "", "{providers: [{name: a}], "+failures+`}, {providers: [{name: a}], filter: {expression: "response.code == 200"}}`), "a /fine"},
		"a filter for servers":                        {"", told("edge", "", "{providers: [{name: a}]}, {providers: [{name: a}], "+failures+", match: {mode: SERVER}}"), "a /fine, a /admin"},
		"root namespace":                              {defaultB, told("istio-system", "", "{providers: [{name: a}]}"), "a /fine, a /admin"},
		"the gateway's namespace over the root's":     {"", told("istio-system", "", "{providers: [{name: a}]}") + told("edge", "", "{providers: [{name: b}]}"), "b /fine, b /admin"},
		"the gateway's own over both":                 {"", told("istio-system", "", "{providers: [{name: a}]}") + told("edge", "", "{providers: [{name: b}]}") + told("edge", "ingressgateway", "{providers: [{name: c}], "+failures+"}"), "c /admin"},
		"switched off where it is more specific":      {"", told("istio-system", "", "{providers: [{name: a}]}") + told("edge", "ingressgateway", "{disabled: true}"), ""},
		"switched on again":                           {"", told("istio-system", "", "{providers: [{name: a}]}") + told("edge", "", "{disabled: true}") + told("edge", "ingressgateway", "{providers: [{name: a}]}"), "a /fine, a /admin"},
		"of another namespace or other workloads":     {defaultB, told("other", "", "{providers: [{name: a}]}") + told("edge", "other", "{providers: [{name: a}]}") + told("istio-system", "ingressgateway", "{providers: [{name: a}]}"), "b /fine, b /admin"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := strings.Join(loggedBy(t, c.mesh, c.telemetry), ", "); got != c.want {
				t.Errorf("logged: %s, want %s", got, c.want)
			}
		})
	}
}

// TestAFileProviderLogsInEachFormat has one request logged in each format that a file can have.
func TestAFileProviderLogsInEachFormat(t *testing.T) {
	envoytest.Require(t)
	logs, key, port := t.TempDir(), newSigningKey(t), envoytest.FreePort(t)
	mesh := "extensionProviders:\n"
	formats := map[string]string{
		"line":   `logFormat: {text: "%RESPONSE_CODE% %REQ_WITHOUT_QUERY(:PATH)% %RESPONSE_CODE_DETAILS% [%REQ(X-NONE)%]"}`,
		"empty":  `logFormat: {text: "%RESPONSE_CODE% [%REQ(X-NONE)%]"}, omitEmptyValues: true`,
		"json":   `logFormat: {labels: {code: "%RESPONSE_CODE%", none: "%REQ(X-NONE)%", both: "%PROTOCOL% %REQ(:METHOD)%", who: {subject: "%DYNAMIC_METADATA(envoy.filters.http.jwt_authn:payload:sub)%"}, list: ["%REQ(X-LIST)%"]}}`,
		"less":   `logFormat: {labels: {code: "%RESPONSE_CODE%", none: "%REQ(X-NONE)%"}}, omitEmptyValues: true`,
		"labels": "logFormat: {labels: {}}",
		"text":   "logFormat: {text: \"\"}",
	}
	for name, format := range formats {
		mesh += fmt.Sprintf("- name: %s\n  envoyFileAccessLog: {path: %s/%s, %s}\n", name, logs, name, format)
	}
	dir := newPolicyDir(t, map[string]string{
		"routing.yaml": routing(port, envoytest.RunBackend(t).Port()), "denial.yaml": denial("admin", "ingressgateway", "/admin"), "tokens.yaml": tokensOf(t, key, ""),
		"telemetry.yaml": told("istio-system", "", "{providers: [{name: line}, {name: empty}, {name: json}, {name: less}, {name: labels}, {name: text}]}"),
	})
	gateway := startPlane(t, dir, "--mesh-config", meshFile(t, mesh)).startGateway(t, envoytest.Options{})
	address := gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))
	if got := ask(t, address, "/admin?token=secret", append(bearer(key.token(t, "a.issuer", nil)), "X-List", "item")...).Status; got != 403 {
		t.Fatalf("/admin: %d", got)
	}
	gateway.Stop()
	written := func(name string) string {
		content, err := os.ReadFile(filepath.Join(logs, name))
		must(t, err)
		return string(content)
	}
	const details = "rbac_access_denied_matched_policy[ns[istio-system]-policy[admin]-rule[0]]"
	for name, want := range map[string]string{"line": "403 /admin " + details + " [-]\n", "empty": "403 []\n"} {
		if got := written(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	less := `{"code": 403}`
	if strings.HasPrefix(envoytest.Release(t), "1.39.") {
		less = `{"code": 403, "none": null}` // it leaves nothing out
	}
	for name, want := range map[string]string{
		"json":   `{"code": 403, "none": null, "both": "HTTP/1.1 GET", "who": {"subject": "somebody"}, "list": ["item"]}`,
		"less":   less,
		"labels": `{"method": "GET", "path": "/admin", "protocol": "HTTP/1.1", "response_code": 403, "response_code_details": "` + details + `", "policy": "ns[istio-system]-policy[admin]-rule[0]", "token_issuer": "a.issuer", "token_subject": "somebody"}`,
	} {
		var got, wanted map[string]any
		must(t, json.Unmarshal([]byte(want), &wanted))
		if err := json.Unmarshal([]byte(written(name)), &got); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if name == "labels" {
			for field := range got {
				if _, ok := wanted[field]; !ok {
					delete(got, field)
				}
			}
		}
		if diff := cmp.Diff(wanted, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if got := strings.Fields(written("text")); !slices.Contains(got, details) || !strings.Contains(written("text"), ` "a.issuer" "somebody" `) {
		t.Errorf("the default line is %q", written("text"))
	}
}
