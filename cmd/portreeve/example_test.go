package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
)

const jwtGateway = "../../examples/jwt-gateway"

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

// TestTheComposeBootstrapIsFresh holds the committed file against what the verb prints.
func TestTheComposeBootstrapIsFresh(t *testing.T) {
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"bootstrap", "--xds-address", "control-plane:18000"}, &out, &errs); code != exitClean {
		t.Fatalf("exit %d: %s", code, errs.String())
	}
	committed, err := os.ReadFile(filepath.Join(jwtGateway, "compose", "envoy", "bootstrap.yaml"))
	must(t, err)
	if out.String() != string(committed) {
		t.Errorf("compose/envoy/bootstrap.yaml is not what `portreeve bootstrap --xds-address control-plane:18000` prints:\n%s", out.String())
	}
}

func TestExitCodes(t *testing.T) {
	dir := newPolicyDir(t, map[string]string{"good.yaml": denial("a", "x", "/a"), "broken.yml": strings.Replace(denial("b", "x", "/a"), "action", "acton", 1)})
	good, broken := filepath.Join(dir, "good.yaml"), filepath.Join(dir, "broken.yml")
	for name, c := range map[string]struct {
		args   []string
		code   int
		stdout string
	}{
		"clean":                     {[]string{"validate", "-o", "json", good}, exitClean, ""},
		"an error":                  {[]string{"validate", dir}, exitFindings, broken + `:6:3: error PR0203: spec has no field "acton" (did you mean action?)`},
		"an error, as JSON":         {[]string{"validate", "-o", "json", broken}, exitFindings, `"code": "PR0203"`},
		"render refuses":            {[]string{"render", "istio", broken}, exitFindings, "PR0203"},
		"render":                    {[]string{"render", "envoy", good}, exitClean, "extensionConfigs:"},
		"the codes":                 {[]string{"validate", "--list-codes"}, exitClean, "PR0101  error "},
		"the codes, as JSON":        {[]string{"validate", "--list-codes", "-o", "json"}, exitClean, `"code": "PR0101"`},
		"the codes of a file":       {[]string{"validate", "--list-codes", good}, exitUsage, ""},
		"nothing to validate":       {[]string{"validate"}, exitUsage, ""},
		"no such file":              {[]string{"validate", filepath.Join(dir, "none.yaml")}, exitUsage, ""},
		"no such verb":              {[]string{"rander"}, exitUsage, ""},
		"no such format":            {[]string{"validate", "-o", "xml", good}, exitUsage, ""},
		"serve without a directory": {[]string{"serve"}, exitUsage, ""},
		"serve on a missing one":    {[]string{"serve", "--config", filepath.Join(dir, "none"), "--xds-address", "127.0.0.1:0", "--admin-address", "127.0.0.1:0"}, exitUsage, ""},
		"nobody to ask":             {[]string{"status", "--admin-address", address(t)}, exitUsage, ""},
		"token":                     {[]string{"token", "-o", "json", "--issuer", "me"}, exitClean, `"token":`},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			if code := run(t.Context(), c.args, &out, &errs); code != c.code {
				t.Errorf("exit %d, want %d: %s%s", code, c.code, out.String(), errs.String())
			}
			if !strings.Contains(out.String(), c.stdout) {
				t.Errorf("standard output lacks %q:\n%s", c.stdout, out.String())
			}
			if c.code == exitUsage && (out.Len() > 0 || !strings.Contains(errs.String(), "portreeve: ")) {
				t.Errorf("want the reason on standard error only: %q, %q", out.String(), errs.String())
			}
		})
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
