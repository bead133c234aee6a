package test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// grpcBackend serves the health service and returns its port.
func grpcBackend(t testing.TB) int {
	t.Helper()
	return serveGRPC(t, func(s *grpc.Server) { healthpb.RegisterHealthServer(s, health.NewServer()) })
}

// serveGRPC runs services until the test ends and returns their port.
func serveGRPC(t testing.TB, register func(*grpc.Server)) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed by the server
	must(t, err)
	server := grpc.NewServer()
	register(server)
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) }) // ends with an error when it is stopped
	t.Cleanup(func() { server.Stop(); serving.Wait() })
	return listener.Addr().(*net.TCPAddr).Port
}

// TestPolicyAndFaultsCountForGRPC calls and streams through the gateway, where policy and faults count.
func TestPolicyAndFaultsCountForGRPC(t *testing.T) {
	key := newSigningKey(t)
	r := newRouter(t, map[string]int{"GRPC a.test": grpcBackend(t)}, routes("grpc",
		`{match: [{headers: {x-fault: {}}}], fault: {abort: {grpcStatus: RESOURCE_EXHAUSTED, percentage: {value: 100}}}, `+to("a.test")+`}`,
		`{match: [{uri: {prefix: /grpc.health.v1.Health/}}], timeout: 5s, `+to("a.test")+`}`), tokensOf(t, key, "")+needToken("/grpc.health.v1.Health/Watch"))
	connection, err := grpc.NewClient(r.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(t, err)
	defer func() { _ = connection.Close() }()
	client := healthpb.NewHealthClient(connection)
	answer, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil || answer.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		t.Fatalf("a call: %v, %v", answer, err)
	}
	if _, err := client.Check(metadata.AppendToOutgoingContext(t.Context(), "x-fault", "1"), &healthpb.HealthCheckRequest{}); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a call that is aborted: %v", err)
	}
	watch := func(header ...string) error {
		stream, err := client.Watch(metadata.AppendToOutgoingContext(t.Context(), header...), &healthpb.HealthCheckRequest{})
		must(t, err)
		_, err = stream.Recv()
		return err
	}
	if err := watch(); status.Code(err) != codes.PermissionDenied {
		t.Errorf("a stream that policy refuses: %v", err)
	}
	if err := watch("authorization", "Bearer "+key.token(t, "a.issuer", nil)); err != nil {
		t.Errorf("a stream with a token: %v", err)
	}
	if err := watch("authorization", "Bearer x"); status.Code(err) != codes.Unauthenticated {
		t.Errorf("a stream with a wrong token: %v", err)
	}
}

// webSocket answers the handshake and then sends back every line. It does no framing: what
// it shows is that the connection is the client's and the backend's own.
func webSocket(t testing.TB) int {
	t.Helper()
	return handler(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
			w.WriteHeader(http.StatusUpgradeRequired)
			return
		}
		c, lines, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
		for {
			text, err := lines.ReadString('\n')
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, r.URL.Path+" "+text)
		}
	})
}

// upgrade asks for a WebSocket and returns the connection and the status.
func upgrade(t testing.TB, address, path string, header ...string) (net.Conn, *bufio.Reader, int) {
	t.Helper()
	c, err := net.Dial("tcp", address) //nolint:noctx // bounded below
	must(t, err)
	t.Cleanup(func() { _ = c.Close() })
	must(t, c.SetDeadline(time.Now().Add(bound)))
	reader, status := upgradeOn(t, c, path, header...)
	return c, reader, status
}

// upgradeOn asks for a WebSocket on a connection.
func upgradeOn(t testing.TB, c net.Conn, path string, header ...string) (*bufio.Reader, int) {
	t.Helper()
	_, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n", path, strings.Join(header, ""))
	must(t, err)
	reader := bufio.NewReader(c)
	answer, err := http.ReadResponse(reader, nil)
	must(t, err)
	return reader, answer.StatusCode
}

// TestAWebSocketOutlivesARouteEdit holds that a WebSocket goes through with policy, a rewrite and a
// timeout on its route, and outlives an edit of the routes.
func TestAWebSocketOutlivesARouteEdit(t *testing.T) {
	key := newSigningKey(t)
	edited := func(extra string) string {
		return routes("ws", `{match: [{uri: {exact: /rewritten}}], rewrite: {uri: /other}, `+to("a.test")+`}`, `{timeout: 300ms, `+to("a.test")+extra+`}`)
	}
	r := newRouter(t, map[string]int{"HTTP a.test": webSocket(t)}, edited(""), tokensOf(t, key, "")+needToken("/private")+"---\n"+denial("guard", "ingressgateway", "/denied"))
	say := func(c net.Conn, reader *bufio.Reader, text string) string {
		_, err := io.WriteString(c, text+"\n")
		must(t, err)
		answer, err := reader.ReadString('\n')
		must(t, err)
		return strings.TrimSuffix(answer, "\n")
	}
	if c, reader, status := upgrade(t, r.address, "/rewritten"); status != 101 || say(c, reader, "hello") != "/other hello" {
		t.Errorf("a rewritten handshake: %d", status)
	}
	start := time.Now()
	open, reader, got := upgrade(t, r.address, "/open")
	if got != 101 || say(open, reader, "one") != "/open one" {
		t.Fatalf("a handshake: %d", got)
	}
	for path, want := range map[string]int{"/denied": 403, "/private": 403} {
		if _, _, got := upgrade(t, r.address, path); got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
	if _, _, got := upgrade(t, r.address, "/private", "Authorization: Bearer "+key.token(t, "a.issuer", nil)+"\r\n"); got != 101 {
		t.Errorf("/private with a token: %d", got)
	}
	if _, _, got := upgrade(t, r.address, "/open", "Authorization: Bearer x\r\n"); got != 401 {
		t.Errorf("a wrong token: %d", got)
	}
	r.edit(t, edited(", headers: {response: {set: {x-edited: yes-it-is}}}"))
	eventually(t, "new connections have the edit", func() bool {
		return r.do(t, request{path: "/open"}).Header.Get("X-Edited") != ""
	})
	eventually(t, "the time of the route's timeout is over", func() bool {
		if got := say(open, reader, "two"); got != "/open two" {
			t.Fatalf("after an edit: %q", got)
		}
		return time.Since(start) > 400*time.Millisecond
	})
}
