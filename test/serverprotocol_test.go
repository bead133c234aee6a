package test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// TestAServerIsSpokenToInItsProtocol holds for every protocol in plain text what clients can speak to it.
func TestAServerIsSpokenToInItsProtocol(t *testing.T) {
	envoytest.Require(t)
	requests, connections := []string{"HTTP", "HTTP2", "GRPC", "GRPC-WEB"}, []string{"TCP", "MONGO", "MYSQL", "REDIS"}
	ports := map[string]int{}
	var servers []string
	for _, protocol := range append(requests, connections...) {
		ports[protocol] = envoytest.FreePort(t)
		servers = append(servers, fmt.Sprintf("  - {port: {number: %d, name: %s, protocol: %s}, bind: 127.0.0.1, hosts: [\"*\"]}\n", ports[protocol], strings.ToLower(protocol), protocol))
	}
	dir := newPolicyDir(t, map[string]string{"routing.yaml": secureRouting(envoytest.RunBackend(t).Port(), echo(t, "echo", nil), servers...)})
	e := startPlane(t, dir).startGateway(t, envoytest.Options{})
	for _, protocol := range requests {
		address := e.MustListener(t, fmt.Sprintf("127.0.0.1_%d", ports[protocol]))
		for major := 1; major <= 2; major++ {
			if status, server, err := askedIn(t.Context(), major, "http://"+address+"/"); err != nil || status != 200 || server != "istio-envoy" {
				t.Errorf("%s in HTTP/%d: %d by %q, %v", protocol, major, status, server, err)
			}
		}
	}
	for _, protocol := range connections {
		if got := connect(t, e.MustListener(t, fmt.Sprintf("127.0.0.1_%d", ports[protocol]))); got != "echo hello" {
			t.Errorf("%s: %q", protocol, got)
		}
	}
}

// askedIn asks in one version of HTTP and no other, without TLS, and returns the answer's status
// and server.
func askedIn(ctx context.Context, major int, url string) (int, string, error) {
	transport := &http.Transport{Protocols: &http.Protocols{}, DisableKeepAlives: true}
	transport.Protocols.SetHTTP1(major == 1)
	transport.Protocols.SetUnencryptedHTTP2(major == 2)
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, "", err
	}
	answer, err := transport.RoundTrip(r)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.ProtoMajor != major {
		return 0, "", fmt.Errorf("the answer is in %s", answer.Proto)
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, answer.Header.Get("Server"), err
}

// TestOnlyGatewaysThatSelectAGatewayOpenOnIt holds that the Gateways which select a gateway open their
// addresses on it, from any namespace, that another's do not, and that two addresses of one port are
// apart.
func TestOnlyGatewaysThatSelectAGatewayOpenOnIt(t *testing.T) {
	envoytest.Require(t)
	if l, err := net.Listen("tcp", "127.0.0.2:0"); err != nil { //nolint:noctx // loopback
		t.Skipf("NOT RUN: this machine has no second loopback address: %v", err)
	} else {
		must(t, l.Close())
	}
	port, further, others := envoytest.FreePort(t), envoytest.FreePort(t), envoytest.FreePort(t)
	gateway := func(name, selector, bind string, port int) string {
		return fmt.Sprintf("---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: %s, namespace: %s}\nspec: {selector: {%s}, servers: [{port: {number: %d, name: http, protocol: HTTP}, bind: %s, hosts: [\"*\"]}]}\n", name, name, selector, port, bind) +
			answers(name+", namespace: "+name, fmt.Sprintf(`hosts: ["*"], gateways: [%s]`, name))
	}
	dir := newPolicyDir(t, map[string]string{"routing.yaml": gateway("one", "istio: ingressgateway", "127.0.0.1", port) +
		gateway("two", "istio: ingressgateway", "127.0.0.2", port) +
		gateway("both", "istio: ingressgateway, zone: b", "127.0.0.1", further) +
		gateway("other", "istio: other", "127.0.0.1", others)})
	e := startPlane(t, dir).startGateway(t, envoytest.Options{}, "--labels", "istio=ingressgateway,zone=b", "--namespace", "edge")
	for name, want := range map[string]string{fmt.Sprintf("127.0.0.1_%d", port): "one", fmt.Sprintf("127.0.0.2_%d", port): "two", fmt.Sprintf("127.0.0.1_%d", further): "both"} {
		if got := ask(t, e.MustListener(t, name), "/"); string(got.Body) != want {
			t.Errorf("%s: %d %q, want %q", name, got.Status, got.Body, want)
		}
	}
	listeners, err := e.Listeners(t.Context())
	must(t, err)
	if len(listeners) != 3 {
		t.Errorf("the gateway listens on %v, want three addresses", listeners)
	}
}

// TestADirectAnswerMayHaveAMegabyte holds that an answer may have the megabyte that validation lets it
// have.
func TestADirectAnswerMayHaveAMegabyte(t *testing.T) {
	r := newRouter(t, names(t, "unused.test"), routes("large", `{directResponse: {status: 200, body: {string: "`+strings.Repeat("a", 1<<20)+`"}}}`), "")
	if got := r.do(t, request{path: "/"}); got.Status != 200 || len(got.Body) != 1<<20 {
		t.Errorf("%d with %d bytes, want the megabyte", got.Status, len(got.Body))
	}
}
