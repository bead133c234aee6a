package test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// example is a folder of policy that is tested, copied to ports and keys of its own.
type example struct {
	dir  string
	mesh []string // the flag of its mesh configuration, where it has one
	port int
	// key is the file of the key that signs as every issuer of its tests.
	key string
}

// examples are the folders below examples/ by their names.
func examples(t *testing.T) map[string]string {
	t.Helper()
	paths, err := filepath.Glob("../examples/*/README.md")
	must(t, err)
	out := map[string]string{}
	for _, path := range paths {
		if filepath.Base(filepath.Dir(path)) == "monitoring" {
			continue // what watches a control plane, and no policy
		}
		out[filepath.Base(filepath.Dir(path))] = filepath.Dir(path)
	}
	if len(out) < 5 {
		t.Fatalf("there are %d examples", len(out))
	}
	return out
}

// folders are those of an example in which policy stands: it is for this machine where there are several.
func folders(dir string) []string {
	if _, err := os.Stat(filepath.Join(dir, "policy")); err == nil {
		return []string{filepath.Join(dir, "policy"), filepath.Join(dir, "local")}
	}
	return []string{dir}
}

// copied returns a copy of an example that listens, and finds its backend and its authorizer, where they are.
func copied(t *testing.T, dir string) example {
	t.Helper()
	out := example{dir: t.TempDir(), port: envoytest.FreePort(t)}
	jwks := out.newKey(t)
	backend, authorizer := envoytest.RunBackend(t), sampleAuthorizer(t)
	ports := strings.NewReplacer(
		"- port: {number: 8080,", fmt.Sprintf("- bind: 127.0.0.1\n    port: {number: %d,", out.port), "8080", fmt.Sprint(out.port), "targetPort: 9080", fmt.Sprintf("targetPort: %d", backend.Port()),
		"name: http\n    protocol: HTTP\n  location", fmt.Sprintf("name: http\n    protocol: HTTP\n    targetPort: %d\n  location", backend.Port()),
		"{number: 8000,", fmt.Sprintf("{number: 8000, targetPort: %d,", authorizer),
	)
	inline := regexp.MustCompile(`jwks: '[^']*'`)
	for _, folder := range folders(dir) {
		files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
		must(t, err)
		for _, file := range files {
			content := ports.Replace(inline.ReplaceAllLiteralString(readFile(t, file), "jwks: '"+jwks+"'"))
			if filepath.Base(file) == "mesh.yaml" {
				out.mesh = []string{"--mesh-config", meshFile(t, content)}
				continue
			}
			write(t, filepath.Join(out.dir, filepath.Base(file)), content)
		}
	}
	return out
}

// newKey makes the key of the issuers, and returns its public half.
func (e *example) newKey(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	e.key = filepath.Join(t.TempDir(), "key.pem")
	write(t, e.key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), Algorithm: string(jose.ES256), Use: "sig"}}})
	must(t, err)
	return string(set)
}

// sampleAuthorizer is Istio's sample of an authorizer: it allows requests with x-ext-authz: allow.
func sampleAuthorizer(t *testing.T) int {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("x-ext-authz") != "allow" {
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().(*net.TCPAddr).Port
}

// policyTest runs the verb and returns what it prints.
func policyTest(t *testing.T, args ...string) (string, int) {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(t.Context(), append([]string{"test"}, args...), &out, &errs)
	return out.String() + errs.String(), code
}

// TestExamplesHoldAtAGatewayToo runs the PolicyTest of every example offline, where it decides nine of ten rules
// and conditions, and then against a real gateway: every request gets what was worked out.
func TestExamplesHoldAtAGatewayToo(t *testing.T) {
	for name, dir := range examples(t) {
		t.Run(name, func(t *testing.T) {
			envoytest.Require(t)
			e := copied(t, dir)
			if text, code := policyTest(t, append(e.mesh, "--coverage-min", "90", e.dir)...); code != exitClean {
				t.Fatalf("offline: exit %d:\n%s", code, text)
			}
			p := startPlane(t, e.dir, e.mesh...)
			gateway := p.startGateway(t, envoytest.Options{})
			var address string
			eventually(t, "the gateway listens", func() bool {
				listeners, err := gateway.Listeners(t.Context())
				for _, a := range listeners {
					address = a
				}
				return err == nil && len(listeners) == 1
			})
			_, port, err := net.SplitHostPort(address)
			must(t, err)
			args := append(e.mesh, "--against", "http://127.0.0.1:"+port, "-v")
			for _, issuer := range []string{"accounts", "machines", "elsewhere"} {
				args = append(args, "--issuer-key", issuer+"="+e.key)
			}
			text, code := policyTest(t, append(args, e.dir)...)
			if code != exitClean || strings.Contains(text, "it was not sent") {
				t.Errorf("against the gateway: exit %d:\n%s", code, text)
			}
		})
	}
}

// TestAnExampleWithAnotherPolicyFails holds that the tests of an example can fail, offline and against a gateway.
func TestAnExampleWithAnotherPolicyFails(t *testing.T) {
	envoytest.Require(t)
	e := copied(t, "../examples/path-and-method")
	file := filepath.Join(e.dir, "policy.yaml")
	write(t, file, strings.Replace(readFile(t, file), "[GET, HEAD]", "[GET, HEAD, DELETE]", 1))
	text, code := policyTest(t, e.dir)
	if code != exitFindings || !strings.Contains(text, "verdict: expected denied, got allowed") || !strings.Contains(text, "public[0]") {
		t.Errorf("offline: exit %d:\n%s", code, text)
	}
	p := startPlane(t, e.dir)
	address := p.startGateway(t, envoytest.Options{}).MustListener(t, fmt.Sprintf("127.0.0.1_%d", e.port))
	_, port, err := net.SplitHostPort(address)
	must(t, err)
	text, code = policyTest(t, "--against", "http://127.0.0.1:"+port, e.dir)
	if code != exitFindings || strings.Count(text, "--- FAIL") != 1 || !strings.Contains(text, "verdict: expected denied, got status 200 of a backend") {
		t.Errorf("against the gateway: exit %d:\n%s", code, text)
	}
}
