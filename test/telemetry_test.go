package test

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/envoytest"
	"github.com/portreeve/portreeve/translate/diag"
)

// logScene is a gateway with access logs in files, a policy for tokens, and Telemetry to edit.
type logScene struct {
	*scene
	// lines are the files that the providers "all", "errors" and "failing" write.
	lines map[string]string
}

func newLogScene(t *testing.T, telemetry string, envoy ...string) *logScene {
	t.Helper()
	envoytest.Require(t)
	s := &logScene{scene: &scene{}, lines: map[string]string{}}
	logs := t.TempDir()
	var mesh strings.Builder
	mesh.WriteString("extensionProviders:\n")
	for _, name := range []string{"all", "errors", "failing"} {
		s.lines[name] = filepath.Join(logs, name)
		fmt.Fprintf(&mesh, "- name: %s\n  envoyFileAccessLog: {path: %s}\n", name, s.lines[name])
	}
	port, backend := envoytest.FreePort(t), envoytest.RunBackend(t)
	s.plane = startPlane(t, newPolicyDir(t, map[string]string{
		"routing.yaml": routing(port, backend.Port()), "policy.yaml": tutorial(t, "AUTH_IF_MATCHED", "/guarded"), "denial.yaml": denial("admin", "ingressgateway", "/admin"), "telemetry.yaml": telemetry,
	}), "--mesh-config", meshFile(t, mesh.String()))
	s.policy = filepath.Join(s.dir, "telemetry.yaml")
	s.gateway = s.startGateway(t, envoytest.Options{Args: envoy})
	s.address = s.gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))
	return s
}

// logging is a Telemetry with what stands below accessLogging.
func logging(name, entries string) string {
	return fmt.Sprintf("apiVersion: telemetry.istio.io/v1\nkind: Telemetry\nmetadata: {name: %s, namespace: istio-system}\nspec:\n  accessLogging: [%s]\n", name, entries)
}

// paths returns the paths of the requests in a log, in order.
func (s *logScene) paths(t *testing.T, name string) []string {
	t.Helper()
	f, err := os.Open(s.lines[name])
	if os.IsNotExist(err) {
		return nil
	}
	must(t, err)
	defer f.Close()
	var out []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if words := strings.Fields(lines.Text()); len(words) > 2 {
			out = append(out, words[2])
		}
	}
	return out
}

// TestADeniedRequestIsTracedToItsPolicyAndItsToken holds that the default format names the
// rule that denied a request and whose token it was, and of a request that came with a token
// that nobody verified, nothing.
func TestADeniedRequestIsTracedToItsPolicyAndItsToken(t *testing.T) {
	s := newLogScene(t, logging("all", "{providers: [{name: all}]}"))
	_, token := testKeys(t)
	for path, header := range map[string]string{"/admin": "Bearer " + token, "/guarded": "", "/broken": "Bearer x" + token} {
		if header == "" {
			ask(t, s.address, path)
		} else {
			ask(t, s.address, path, "Authorization", header)
		}
	}
	s.gateway.Stop() // which writes the log out
	content, err := os.ReadFile(s.lines["all"])
	must(t, err)
	for path, want := range map[string][]string{
		"/admin": {"403", "rbac_access_denied_matched_policy[ns[istio-system]-policy[admin]-rule[0]]", `"ns[istio-system]-policy[admin]-rule[0]" "testing@secure.istio.io" "testing@secure.istio.io"`},
		// The JWTPolicy that a person wrote becomes the AuthorizationPolicy of the same name.
		"/guarded": {"403", "rbac_access_denied_matched_policy[ns[istio-system]-policy[tutorial]-rule[0]]", `"-" "-"`},
		"/broken":  {"401", "jwt_authn_access_denied", `"-" "-" "-"`},
	} {
		i := slices.IndexFunc(strings.Split(string(content), "\n"), func(l string) bool { return strings.Contains(l, "GET "+path+" ") })
		if i < 0 {
			t.Errorf("%s is not logged:\n%s", path, content)
			continue
		}
		line := strings.Split(string(content), "\n")[i]
		for _, text := range want {
			if !strings.Contains(line, text) {
				t.Errorf("%s: the line lacks %s:\n%s", path, text, line)
			}
		}
	}
}

// TestTelemetryDecidesWhatIsLogged holds that filters choose what is logged, that the more specific
// Telemetry overrides, and that an expression which Envoy would refuse never reaches it.
func TestTelemetryDecidesWhatIsLogged(t *testing.T) {
	s := newLogScene(t, logging("a-all", `{providers: [{name: all}, {name: errors}]}, {providers: [{name: failing}], filter: {expression: "request.headers['x-absent'] != 'a'"}}, {providers: [{name: errors}], filter: {expression: "response.code >= 400 && request.path.startsWith('/a')"}}`)+
		"---\n"+strings.Replace(logging("b-one", "{providers: [{name: all}], disabled: true}"), "spec:", "spec:\n  selector: {matchLabels: {istio: othergateway}}", 1))
	ask(t, s.address, "/fine")
	ask(t, s.address, "/admin")
	ask(t, s.address, "/guarded")
	rejected := s.gateway.MustCounter(t, "listener_manager.lds.update_rejected")
	before := s.generation(t)
	replace(t, s.policy, logging("a-all", `{providers: [{name: all}], filter: {expression: "request.path.startWith('/a')"}}`))
	eventually(t, "the edit is read", func() bool { return s.generation(t) > before })
	status, err := s.status(t)
	must(t, err)
	if len(status.Diagnostics.Errors()) != 1 {
		t.Errorf("findings: %v, want one error", status.Diagnostics)
	}
	if got := s.gateway.MustCounter(t, "listener_manager.lds.update_rejected"); got != rejected {
		t.Errorf("Envoy refused %d listeners", got-rejected)
	}
	if got := ask(t, s.address, "/after").Status; got != http.StatusOK {
		t.Errorf("/after: %d", got)
	}
	s.gateway.Stop()
	if got, want := s.paths(t, "all"), []string{"/fine", "/admin", "/guarded", "/after"}; !slices.Equal(got, want) {
		t.Errorf("all: %v, want %v", got, want)
	}
	if got, want := s.paths(t, "errors"), []string{"/admin"}; !slices.Equal(got, want) {
		t.Errorf("errors: %v, want %v", got, want)
	}
	if got := s.paths(t, "failing"); len(got) > 0 {
		t.Errorf("the expression cannot be evaluated, and %v are logged", got)
	}
}

// TestEnvoyLogsNothingForAnUnknownAttribute holds what PR1303 says that Envoy does: what reads
// an attribute which no request has is not logged, whether it is negated or not, and the
// question whether it is there has the answer no.
func TestEnvoyLogsNothingForAnUnknownAttribute(t *testing.T) {
	s := newLogScene(t, logging("log", `{providers: [{name: all}], filter: {expression: "!has(response.cod)"}}, `+
		`{providers: [{name: errors}], filter: {expression: "response.cod >= 200"}}, {providers: [{name: failing}], filter: {expression: "!(response.cod == 1)"}}`))
	status, err := s.status(t)
	must(t, err)
	warned := 0
	for _, f := range status.Diagnostics {
		if f.Code == diag.CodeExpressionName && strings.Contains(f.Hint, "did you mean response.code?") {
			warned++
		}
	}
	if warned != 3 {
		t.Errorf("%d warnings, want 3: %v", warned, status.Diagnostics)
	}
	ask(t, s.address, "/fine")
	ask(t, s.address, "/admin")
	s.gateway.Stop()
	for name, want := range map[string][]string{"all": {"/fine", "/admin"}, "errors": nil, "failing": nil} {
		if got := s.paths(t, name); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

// TestAnEditOfTelemetryLosesNoRequest edits the access log while clients ask without a
// pause. It travels in the listener, so every connection ends within Envoy's drain time,
// each with an answer that announces it; until then it logs the old way.
func TestAnEditOfTelemetryLosesNoRequest(t *testing.T) {
	s := newLogScene(t, logging("log", "{providers: [{name: all}]}"), "--drain-time-s", "2")
	const clients = 20
	var open []*envoytest.Client
	for range clients {
		open = append(open, dial(t, s.address))
	}
	requests := 0
	round := func(path string) {
		t.Helper()
		open = slices.DeleteFunc(open, func(c *envoytest.Client) bool {
			answer, err := c.Get(t.Context(), "http://"+s.address+path)
			if err != nil {
				t.Fatalf("a request was lost: %v", err)
			}
			requests++
			return answer.Closing
		})
	}
	round("/before")
	if len(open) != clients {
		t.Fatalf("%d connections are left before the edit", len(open))
	}
	began := time.Now()
	replace(t, s.policy, logging("log", "{providers: [{name: errors}]}"))
	eventually(t, "all old connections have ended", func() bool { round("/old"); return len(open) == 0 })
	drained := time.Since(began)
	ask(t, s.address, "/new")
	s.gateway.Stop()
	t.Logf("%d connections ended within %v of the edit, after %d requests, none lost", clients, drained.Round(time.Millisecond), requests)
	if got := s.paths(t, "errors"); !slices.Equal(got, []string{"/new"}) {
		t.Errorf("the new log holds %v, want /new only", got)
	}
	if got := len(s.paths(t, "all")); got != requests {
		t.Errorf("the old log has %d requests, want %d", got, requests)
	}
}
