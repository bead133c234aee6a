package test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// conversation is a gRPC service that answers every message of a stream before it reads the next.
type conversation struct {
	grpc_testing.UnimplementedTestServiceServer
}

func (conversation) FullDuplexCall(s grpc_testing.TestService_FullDuplexCallServer) error {
	for {
		m, err := s.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.Send(&grpc_testing.StreamingOutputCallResponse{Payload: m.GetPayload()}); err != nil {
			return err
		}
	}
}

// converse runs the service and returns its port.
func converse(t testing.TB) int {
	t.Helper()
	return serveGRPC(t, func(s *grpc.Server) { grpc_testing.RegisterTestServiceServer(s, conversation{}) })
}

// protocolScene is an HTTPS server before a gRPC service and a WebSocket, of which tokens are asked.
func protocolScene(t *testing.T, key signingKey) *secureScene {
	t.Helper()
	envoytest.Require(t)
	a := newAuthority(t)
	port := envoytest.FreePort(t)
	dir := newPolicyDir(t, map[string]string{
		"gateway.yaml": "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: front}\nspec:\n  selector: {istio: ingressgateway}\n  servers:\n" + server(port, "a", "HTTPS", "a.test", "mode: SIMPLE, credentialName: a"),
		"routes.yaml": routes("protocols", `{match: [{uri: {prefix: /grpc.testing.}}], `+to("grpc.test")+`}`, `{`+to("ws.test")+`}`) + "---\n" +
			service("GRPC", "grpc.test", converse(t)) + "---\n" + service("HTTP", "ws.test", webSocket(t)),
		"secrets.yaml": secretOf(t, "a", a.issue(t, "a.test")),
		"policy.yaml": tokensOf(t, key, "") + `---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: members, namespace: istio-system}
spec:
  action: ALLOW
  rules:
  - {from: [{source: {requestPrincipals: [a.issuer/*]}}], when: [{key: "request.auth.claims[group]", values: [members]}]}
  - {to: [{operation: {paths: [/open]}}]}
`,
	})
	s := &secureScene{plane: startPlane(t, dir), authority: a, port: port}
	s.gateway = s.startGateway(t, envoytest.Options{})
	s.address = s.gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))
	return s
}

// TestPolicyCountsForGRPCOverHTTPS streams both ways through a server at which TLS ends, under policy.
func TestPolicyCountsForGRPCOverHTTPS(t *testing.T) {
	key, forged := newSigningKey(t), newSigningKey(t)
	s := protocolScene(t, key)
	roots := x509.NewCertPool()
	roots.AddCert(s.authority.certificate)
	connection, err := grpc.NewClient(s.address, grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{ServerName: "a.test", RootCAs: roots, MinVersion: tls.VersionTLS12})), grpc.WithAuthority("a.test"))
	must(t, err)
	defer func() { _ = connection.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	open := func(header ...string) grpc_testing.TestService_FullDuplexCallClient {
		stream, err := grpc_testing.NewTestServiceClient(connection).FullDuplexCall(metadata.AppendToOutgoingContext(ctx, header...))
		must(t, err)
		return stream
	}
	members := key.token(t, "a.issuer", map[string]any{"group": "members"})
	one, two := open("authorization", "Bearer "+members), open("authorization", "Bearer "+members)
	for i := range 20 {
		// Each message is answered before the next is sent: nothing waits for the stream's end.
		for name, stream := range map[string]grpc_testing.TestService_FullDuplexCallClient{"one": one, "two": two} {
			text := fmt.Sprint(name, i)
			must(t, stream.Send(&grpc_testing.StreamingOutputCallRequest{Payload: &grpc_testing.Payload{Body: []byte(text)}}))
			if answer, err := stream.Recv(); err != nil || string(answer.GetPayload().GetBody()) != text {
				t.Fatalf("stream %s: %v, %v, want %s", name, answer, err, text)
			}
		}
	}
	must(t, one.CloseSend())
	if _, err := one.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("the end of a stream: %v", err)
	}
	for name, c := range map[string]struct {
		token string
		want  codes.Code
	}{
		"no token":         {"", codes.PermissionDenied},
		"another group":    {"Bearer " + key.token(t, "a.issuer", map[string]any{"group": "others"}), codes.PermissionDenied},
		"a forged token":   {"Bearer " + forged.as(t, key).token(t, "a.issuer", map[string]any{"group": "members"}), codes.Unauthenticated},
		"not even a token": {"Bearer x", codes.Unauthenticated},
	} {
		var header []string
		if c.token != "" {
			header = []string{"authorization", c.token}
		}
		if _, err := open(header...).Recv(); status.Code(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	if n := s.gateway.MustCounter(t, "cluster.outbound|80||grpc.test;.upstream_rq_total"); n != 2 {
		t.Errorf("the service got %d streams, want the 2 that policy allows", n)
	}
	// The refusals have closed neither the connection nor the stream that is open on it.
	must(t, two.Send(&grpc_testing.StreamingOutputCallRequest{Payload: &grpc_testing.Payload{Body: []byte("after")}}))
	if answer, err := two.Recv(); err != nil || string(answer.GetPayload().GetBody()) != "after" {
		t.Errorf("the open stream: %v, %v", answer, err)
	}
}

// TestPolicyCountsForAWebSocketOverHTTPS holds the same of a WebSocket.
func TestPolicyCountsForAWebSocketOverHTTPS(t *testing.T) {
	key := newSigningKey(t)
	s := protocolScene(t, key)
	for name, c := range map[string]struct {
		path, header string
		want         int
	}{
		"a path without tokens":   {"/open", "", 101},
		"with a token":            {"/closed", "Authorization: Bearer " + key.token(t, "a.issuer", map[string]any{"group": "members"}) + "\r\n", 101},
		"of another group":        {"/closed", "Authorization: Bearer " + key.token(t, "a.issuer", map[string]any{"group": "others"}) + "\r\n", 403},
		"without a token":         {"/closed", "", 403},
		"with a wrong token":      {"/closed", "Authorization: Bearer x\r\n", 401},
		"with a wrong one, /open": {"/open", "Authorization: Bearer x\r\n", 401},
	} {
		client, err := s.handshake(t, "a.test", nil)
		must(t, err)
		reader, got := upgradeOn(t, client, c.path, c.header)
		if got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
		for i := 0; got == 101 && i < 5; i++ {
			_, err := fmt.Fprintf(client, "%d\n", i)
			must(t, err)
			if answer, err := reader.ReadString('\n'); err != nil || answer != fmt.Sprintf("%s %d\n", c.path, i) {
				t.Errorf("%s: the backend says %q, %v", name, answer, err)
			}
		}
	}
	if n := s.gateway.MustCounter(t, "cluster.outbound|80||ws.test;.upstream_rq_total"); n != 2 {
		t.Errorf("the backend got %d handshakes, want the 2 that policy allows", n)
	}
}
