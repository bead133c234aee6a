package test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/portreeve/portreeve/internal/envoytest"
)

const jwtGateway = "../examples/jwt-gateway"

// TestTheExampleAnswersAsItsReadmeSays runs the demo's own policy files, on other ports.
func TestTheExampleAnswersAsItsReadmeSays(t *testing.T) {
	envoytest.Require(t)
	port, backend := envoytest.FreePort(t), envoytest.RunBackend(t)
	ports := strings.NewReplacer("number: 8080", fmt.Sprintf("number: %d", port), "name: http\n    protocol: HTTP\n  location", fmt.Sprintf("name: http\n    protocol: HTTP\n    targetPort: %d\n  location", backend.Port()))
	files := map[string]string{}
	for _, name := range []string{"policy/jwt-policy.yaml", "local/gateway.yaml", "local/backend.yaml"} {
		content, err := os.ReadFile(filepath.Join(jwtGateway, name))
		must(t, err)
		files[filepath.Base(name)] = ports.Replace(string(content))
	}
	token, err := os.ReadFile(filepath.Join(jwtGateway, "token.txt"))
	must(t, err)
	p := startPlane(t, newPolicyDir(t, files))
	gateway := p.startGateway(t, envoytest.Options{})
	address := gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))
	checkVerdicts(t, address, tutorialVerdicts("/productpage", "/api/v1/products/1", strings.TrimSpace(string(token))))
}

// TestTheComposeBootstrapIsFresh runs what docker-compose.yaml runs to make certificates, twice, since
// `docker compose up` is run again: nothing is changed then. The committed bootstrap is the one that is printed.
func TestTheComposeBootstrapIsFresh(t *testing.T) {
	var project struct {
		Services map[string]struct{ Command []string }
	}
	content, err := os.ReadFile(filepath.Join("..", "docker-compose.yaml"))
	must(t, err)
	must(t, yaml.Unmarshal(content, &project))
	authority, tls := filepath.Join(t.TempDir(), "authority"), filepath.Join(t.TempDir(), "tls")
	here := strings.NewReplacer("/authority", authority, "/etc/envoy/tls", tls)
	printed := func(service string) string {
		t.Helper()
		var args []string
		for _, arg := range project.Services[service].Command {
			if strings.HasPrefix(arg, "--owner=") {
				continue // only root may give files to the users of containers
			}
			args = append(args, here.Replace(arg))
		}
		var out, errs bytes.Buffer
		if code := run(t.Context(), args, &out, &errs); code != exitClean {
			t.Fatalf("%s: exit %d: %s", service, code, errs.String())
		}
		return out.String()
	}
	committed, err := os.ReadFile(filepath.Join(jwtGateway, "compose", "envoy", "bootstrap.yaml"))
	must(t, err)
	printed("authority")
	printed("certificate")
	if got := strings.ReplaceAll(printed("secret-files"), tls, "/etc/envoy/tls"); got != string(committed) {
		t.Errorf("compose/envoy/bootstrap.yaml is not what the service secret-files prints:\n%s", got)
	}
	if again := printed("authority") + printed("certificate"); strings.Count(again, "unchanged:") != 4 {
		t.Errorf("the services make something again:\n%s", again)
	}
}

// TestRenderedIstioLoadsAgain holds that native YAML compiles to the same configuration,
// and that rendering it once more changes nothing.
func TestRenderedIstioLoadsAgain(t *testing.T) {
	for _, mode := range []string{"AUTH_IF_MATCHED", "BYPASS_AUTH_IF_MATCHED"} {
		policy := tutorial(t, mode, "/productpage")
		native := renderedIstio(t, policy)
		if again := renderedIstio(t, native); again != native {
			t.Errorf("%s: rendering the rendered YAML changes it:\n%s", mode, again)
		}
		if a, b := renderedEnvoy(t, policy), renderedEnvoy(t, native); a != b {
			t.Errorf("%s: the native YAML has another meaning:\n%s\n%s", mode, a, b)
		}
	}
}

func renderedEnvoy(t *testing.T, policy string) string {
	t.Helper()
	dir := newPolicyDir(t, map[string]string{"policy.yaml": policy})
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"render", "envoy", dir}, &out, &errs); code != exitClean {
		t.Fatalf("exit %d: %s", code, errs.String())
	}
	return out.String()
}
