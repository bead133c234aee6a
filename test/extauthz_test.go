package test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// authorizers is a mesh configuration with providers of every kind.
const authorizers = `extensionProviders:
- name: http
  envoyExtAuthzHttp:
    service: http.authz
    port: 80
    pathPrefix: /check
    includeRequestHeadersInCheck: [x-token, "x-app-*"]
    includeAdditionalHeadersInCheck: {x-asked-by: gate}
    headersToUpstreamOnAllow: [x-user]
    headersToDownstreamOnAllow: [x-audit]
    headersToDownstreamOnDeny: [x-reason]
- {name: http-open, envoyExtAuthzHttp: {service: http.authz, port: 80, failOpen: true}}
- {name: http-down, envoyExtAuthzHttp: {service: down.authz, port: 80, statusOnError: "503"}}
- {name: http-down-open, envoyExtAuthzHttp: {service: down.authz, port: 80, failOpen: true}}
- {name: grpc, envoyExtAuthzGrpc: {service: istio-system/grpc.authz, port: 80}}
- {name: grpc-down, envoyExtAuthzGrpc: {service: down.authz, port: 81, statusOnError: "503"}}
- {name: grpc-down-open, envoyExtAuthzGrpc: {service: down.authz, port: 81, failOpen: true}}
- {name: absent, envoyExtAuthzHttp: {service: absent.authz, port: 80, failOpen: true}}
- {name: absent-grpc, envoyExtAuthzGrpc: {service: absent.authz, port: 81, failOpen: true}}
- {name: portless, envoyExtAuthzHttp: {service: http.authz, port: 4711, failOpen: true}}
- {name: elsewhere, envoyExtAuthzHttp: {service: other/http.authz, port: 80, failOpen: true}}
- {name: a, envoyExtAuthzHttp: {service: http.authz, port: 80, pathPrefix: /a}}
- {name: a-b, envoyExtAuthzHttp: {service: http.authz, port: 80, pathPrefix: /a-b}}
`

// asks sends what is below the paths to a provider.
func asks(provider string, paths ...string) string {
	return fmt.Sprintf(`---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: %s, namespace: istio-system}
spec:
  action: CUSTOM
  provider: {name: %s}
  rules: [{to: [{operation: {paths: ["%s"]}}]}]
`, provider, provider, strings.Join(paths, `", "`))
}

// authorizerEntry is the service of an authorizer on a port of this host.
func authorizerEntry(host string, ports ...string) string {
	return fmt.Sprintf(`---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: %s, namespace: istio-system}
spec: {hosts: [%s], resolution: STATIC, endpoints: [{address: 127.0.0.1}], ports: [%s]}
`, host, host, strings.Join(ports, ", "))
}

func entryPort(number int, protocol string, target int) string {
	return fmt.Sprintf("{number: %d, name: p%d, protocol: %s, targetPort: %d}", number, number, protocol, target)
}

// TestAnAuthorizerDecidesAndItsAbsenceRefuses asks real authorizers, over HTTP and gRPC, and takes
// them away.
func TestAnAuthorizerDecidesAndItsAbsenceRefuses(t *testing.T) {
	envoytest.Require(t)
	overHTTP, httpPort := httpAuthorizer(t)
	overGRPC, grpcPort := grpcAuthorizer(t)
	port, nobody, backend := envoytest.FreePort(t), envoytest.FreePort(t), envoytest.RunBackend(t)
	policy := asks("http", "/http/*") + asks("http-open", "/http-open/*") + asks("http-down", "/http-down") + asks("http-down-open", "/http-down-open") +
		asks("grpc", "/grpc/*") + asks("grpc-down", "/grpc-down") + asks("grpc-down-open", "/grpc-down-open") +
		asks("absent", "/absent") + asks("absent-grpc", "/absent-grpc") + asks("portless", "/portless") + asks("elsewhere", "/elsewhere") +
		asks("a", "/only-a", "/both", "/both/deny") + asks("a-b", "/only-a-b", "/both", "/both/deny") +
		authorizerEntry("http.authz", entryPort(80, "HTTP", httpPort)) + authorizerEntry("grpc.authz", entryPort(80, "GRPC", grpcPort)) +
		authorizerEntry("down.authz", entryPort(80, "HTTP", nobody), entryPort(81, "GRPC", nobody))
	dir := newPolicyDir(t, map[string]string{"routing.yaml": routing(port, backend.Port()), "policy.yaml": policy})
	address := startPlane(t, dir, "--mesh-config", meshFile(t, authorizers)).startGateway(t, envoytest.Options{}).MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))

	for path, want := range map[string]struct {
		status     int
		http, grpc string
	}{
		"/free":             {200, "", ""},
		"/http/a":           {200, "/check/http/a", ""},
		"/http/deny":        {418, "/check/http/deny", ""},
		"/http/broken":      {403, "/check/http/broken", ""},
		"/http-open/a":      {200, "/http-open/a", ""},
		"/http-open/deny":   {418, "/http-open/deny", ""},
		"/http-open/broken": {200, "/http-open/broken", ""},
		"/http-down":        {503, "", ""},
		"/http-down-open":   {200, "", ""},
		"/grpc/a":           {200, "", "/grpc/a"},
		"/grpc/deny":        {402, "", "/grpc/deny"},
		"/grpc-down":        {503, "", ""},
		"/grpc-down-open":   {200, "", ""},
		// What was never there does not open, whatever failOpen says.
		"/absent":      {403, "", ""},
		"/absent-grpc": {403, "", ""},
		"/portless":    {403, "", ""},
		// Another namespace's service of the same name is not asked instead.
		"/elsewhere": {403, "", ""},
		// The name of one provider begins with that of another.
		"/only-a":    {200, "/a/only-a", ""},
		"/only-a-b":  {200, "/a-b/only-a-b", ""},
		"/both":      {200, "/a/both /a-b/both", ""},
		"/both/deny": {418, "/a/both/deny", ""},
	} {
		t.Run(strings.TrimPrefix(path, "/"), func(t *testing.T) {
			answer := ask(t, address, path)
			if answer.Status != want.status {
				t.Errorf("status %d, want %d: %s", answer.Status, want.status, answer.Body)
			}
			if got := paths(overHTTP.take()); got != want.http {
				t.Errorf("over HTTP asked about %q, want %q", got, want.http)
			}
			if got := paths(overGRPC.take()); got != want.grpc {
				t.Errorf("over gRPC asked about %q, want %q", got, want.grpc)
			}
		})
	}
	t.Run("headers over HTTP", func(t *testing.T) {
		allowed := ask(t, address, "/http/a", "X-Token", "t", "X-App-One", "1", "X-Other", "o", "X-User", "forged")
		question := overHTTP.take()[0].header
		for name, want := range map[string]string{"X-Token": "t", "X-App-One": "1", "X-Other": "", "X-Asked-By": "gate"} {
			if got := question.Get(name); got != want {
				t.Errorf("the authorizer got %s: %q, want %q", name, got, want)
			}
		}
		if !strings.Contains(string(allowed.Body), "alice") || strings.Contains(string(allowed.Body), "forged") || strings.Contains(string(allowed.Body), "hidden") {
			t.Errorf("the backend got %s", allowed.Body)
		}
		wantHeaders(t, allowed, map[string]string{"x-audit": "1", "x-secret": ""})
		refused := ask(t, address, "/http/deny")
		wantHeaders(t, refused, map[string]string{"x-reason": "because", "x-secret": ""})
		if string(refused.Body) != "no" {
			t.Errorf("the body of a refusal is %q", refused.Body)
		}
		overHTTP.take()
	})
	t.Run("headers over gRPC", func(t *testing.T) {
		if allowed := ask(t, address, "/grpc/a"); !strings.Contains(string(allowed.Body), "alice") {
			t.Errorf("the backend got %s", allowed.Body)
		}
		if host := overGRPC.take()[0].header.Get(":authority"); host != address {
			t.Errorf("the authorizer was told the host %q", host)
		}
		wantHeaders(t, ask(t, address, "/grpc/deny"), map[string]string{"x-reason": "because"})
		overGRPC.take()
	})
	t.Run("an edit on an open connection", func(t *testing.T) {
		client := dial(t, address)
		replace(t, filepath.Join(dir, "policy.yaml"), policy+strings.Replace(asks("http", "/free"), "name: http,", "name: more,", 1))
		eventually(t, "the new policy asks", func() bool {
			answer, err := client.Get(t.Context(), "http://"+address+"/free")
			if err != nil {
				t.Fatal(err)
			}
			return answer.Status == http.StatusOK && paths(overHTTP.take()) == "/check/free"
		})
	})
}

func wantHeaders(t *testing.T, answer *envoytest.Answer, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if got := answer.Header.Get(name); got != value {
			t.Errorf("the client got %s: %q, want %q", name, got, value)
		}
	}
}
