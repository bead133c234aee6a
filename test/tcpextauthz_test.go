package test

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// connectionAuthorizer is a gRPC authorizer that allows connections while it is told to.
type connectionAuthorizer struct {
	authv3.UnimplementedAuthorizationServer
	allow atomic.Bool
	asked atomic.Int64
}

func (a *connectionAuthorizer) Check(context.Context, *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	a.asked.Add(1)
	code := codes.PermissionDenied
	if a.allow.Load() {
		code = codes.OK
	}
	return &authv3.CheckResponse{Status: &status.Status{Code: int32(code)}}, nil
}

// serve runs the authorizer until the test ends or stop is called, and returns its port.
func (a *connectionAuthorizer) serve(t *testing.T) (port int, stop func()) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	server := grpc.NewServer()
	authv3.RegisterAuthorizationServer(server, a)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return listener.Addr().(*net.TCPAddr).Port, server.Stop
}

// asking is a CUSTOM policy with rules written as YAML.
func asking(provider, rules string) string {
	return fmt.Sprintf(`apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: asking, namespace: istio-system}
spec: {action: CUSTOM, provider: {name: %s}, rules: %s}
`, provider, rules)
}

// TestConnectionsAskAnAuthorizer asks a gRPC provider about connections. An HTTP provider
// cannot be asked about them: what its rules match is closed. No policy changes a listener.
func TestConnectionsAskAnAuthorizer(t *testing.T) {
	envoytest.Require(t)
	authorizer := &connectionAuthorizer{}
	authorizer.allow.Store(true)
	asked, stop := authorizer.serve(t)
	tcp, tls, http := envoytest.FreePort(t), envoytest.FreePort(t), envoytest.FreePort(t)
	plain := echo(t, "plain", nil)
	dir := newPolicyDir(t, map[string]string{
		"routing.yaml": connections(tcp, tls, http, plain, plain, plain) + fmt.Sprintf(`---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: authorizer}
spec:
  hosts: [authorizer.local]
  ports: [{number: 9000, name: grpc, protocol: GRPC, targetPort: %d}]
  resolution: STATIC
  endpoints: [{address: 127.0.0.1}]
`, asked),
		"policy.yaml": ruled("AUDIT", "[{}]"),
	})
	mesh := meshFile(t, `extensionProviders:
- name: grpc
  envoyExtAuthzGrpc: {service: authorizer.local, port: 9000, timeout: 2s}
- name: http
  envoyExtAuthzHttp: {service: authorizer.local, port: 9000, timeout: 2s}
`)
	s := &connectionScene{plane: startPlane(t, dir, "--mesh-config", mesh), policy: filepath.Join(dir, "policy.yaml"), tcpPort: tcp}
	s.gateway = s.startGateway(t, envoytest.Options{})
	s.tcp = s.gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", tcp))
	before := s.listeners(t)
	expect := func(what, want string) {
		t.Helper()
		eventually(t, what, func() bool { return connect(t, s.tcp) == want })
	}
	expect("nobody is asked", "plain hello")
	if n := authorizer.asked.Load(); n != 0 {
		t.Errorf("asked %d times without a policy", n)
	}
	replace(t, s.policy, asking("grpc", fmt.Sprintf(`[{to: [{operation: {ports: ["%d"]}}]}]`, tcp)))
	eventually(t, "the authorizer is asked", func() bool { return connect(t, s.tcp) == "plain hello" && authorizer.asked.Load() > 0 })
	authorizer.allow.Store(false)
	if got := connect(t, s.tcp); got != "" {
		t.Errorf("the authorizer says no: %q", got)
	}
	replace(t, s.policy, asking("grpc", `[{to: [{operation: {ports: ["1"]}}]}]`))
	expect("another port is not asked about", "plain hello")
	replace(t, s.policy, asking("grpc", `[{to: [{operation: {paths: [/a]}}]}]`))
	expect("a rule of HTTP fields asks about every connection", "")
	authorizer.allow.Store(true)
	expect("and the authorizer decides", "plain hello")
	replace(t, s.policy, asking("http", `[{to: [{operation: {ports: ["1"]}}]}]`))
	expect("an HTTP provider's rule for another port", "plain hello")
	replace(t, s.policy, asking("http", `[{to: [{operation: {paths: [/a]}}]}]`))
	expect("an HTTP provider cannot be asked", "")
	replace(t, s.policy, asking("grpc", "[{}]"))
	expect("the authorizer is asked again", "plain hello")
	stop()
	expect("the authorizer is down", "")
	if after := s.listeners(t); fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("an edit of policy changed a listener: before %v, after %v", before, after)
	}
}
