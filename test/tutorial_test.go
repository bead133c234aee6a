package test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// verdict is one request of the tutorial and what must come back.
type verdict struct {
	name, path, token string
	status            int
	length            string // content-length, where the tutorial gives it
	authenticate      string // the error part of www-authenticate
}

// tutorialVerdicts are the tutorial's four answers and the fifth that its note asks for.
// With the paths swapped they are those of the mirror image.
func tutorialVerdicts(protected, open, token string) []verdict {
	return []verdict{
		{"valid token, protected path", protected, token, 200, "", ""},
		{"no token, protected path", protected, "", 403, "19", ""},
		{"invalid token, protected path", protected, "invalid token", 401, "79", `, error="invalid_token"`},
		{"no token, other path", open, "", 200, "", ""},
		{"invalid token, other path", open, "invalid token", 401, "79", `, error="invalid_token"`},
	}
}

func checkVerdicts(t *testing.T, address string, verdicts []verdict) {
	t.Helper()
	for _, v := range verdicts {
		var header []string
		if v.token != "" {
			header = []string{"Authorization", "Bearer " + v.token}
		}
		got := ask(t, address, v.path, header...)
		if got.Status != v.status {
			t.Errorf("%s: status %d, want %d: %s", v.name, got.Status, v.status, got.Body)
		}
		if length := got.Header.Get("Content-Length"); v.length != "" && length != v.length {
			t.Errorf("%s: content-length %s, want %s", v.name, length, v.length)
		}
		want := ""
		if v.authenticate != "" {
			want = fmt.Sprintf(`Bearer realm="http://%s%s"%s`, address, v.path, v.authenticate)
		}
		if authenticate := got.Header.Get("WWW-Authenticate"); authenticate != want {
			t.Errorf("%s: www-authenticate %q, want %q", v.name, authenticate, want)
		}
		if server := got.Header.Get("Server"); server != "istio-envoy" {
			t.Errorf("%s: server %q, want istio-envoy", v.name, server)
		}
	}
}

func TestTheTutorialIsAnsweredAsItSays(t *testing.T) {
	envoytest.Require(t)
	const page, products = "/productpage", "/api/v1/products/1"
	_, token := testKeys(t)
	for name, c := range map[string]struct {
		mode, path, protected, open string
		native                      bool
	}{
		"auth if matched":                      {"AUTH_IF_MATCHED", page, page, products, false},
		"bypass auth if matched":               {"BYPASS_AUTH_IF_MATCHED", products, page, products, false},
		"bypass auth if matched, mirror image": {"BYPASS_AUTH_IF_MATCHED", page, products, page, false},
		"auth if matched, as native resources": {"AUTH_IF_MATCHED", page, page, products, true},
		"bypass, as native resources":          {"BYPASS_AUTH_IF_MATCHED", page, products, page, true},
	} {
		t.Run(name, func(t *testing.T) {
			port, backend := envoytest.FreePort(t), envoytest.RunBackend(t)
			policy := tutorial(t, c.mode, c.path)
			if c.native {
				policy = renderedIstio(t, policy)
			}
			dir := newPolicyDir(t, map[string]string{"routing.yaml": routing(port, backend.Port()), "policy.yaml": policy})
			p := startPlane(t, dir)
			gateway := p.startGateway(t, envoytest.Options{})
			address := gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))
			checkVerdicts(t, address, tutorialVerdicts(c.protected, c.open, token))
		})
	}
}

// renderedIstio returns what `portreeve render istio` makes of a policy.
func renderedIstio(t *testing.T, policy string) string {
	t.Helper()
	dir := newPolicyDir(t, map[string]string{"policy.yaml": policy})
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"render", "istio", filepath.Join(dir, "policy.yaml")}, &out, &errs); code != exitClean {
		t.Fatalf("render istio: exit %d: %s%s", code, out.String(), errs.String())
	}
	return out.String()
}

func TestStaticBootstrapGivesTheSameAnswers(t *testing.T) {
	envoytest.Require(t)
	_, token := testKeys(t)
	port, backend := envoytest.FreePort(t), envoytest.RunBackend(t)
	dir := newPolicyDir(t, map[string]string{
		"routing.yaml": routing(port, backend.Port()),
		"policy.yaml":  tutorial(t, "AUTH_IF_MATCHED", "/productpage"),
	})
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"render", "envoy", "--static", "--envoy-admin-address", "127.0.0.1:0", dir}, &out, &errs); code != exitClean {
		t.Fatalf("render envoy: exit %d: %s%s", code, out.String(), errs.String())
	}
	e := envoytest.Run(t, envoytest.Options{Bootstrap: out.Bytes()})
	address := e.MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))
	checkVerdicts(t, address, tutorialVerdicts("/productpage", "/api/v1/products/1", token))
	envoytest.NoDeprecations(t, e)
}
