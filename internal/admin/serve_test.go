package admin

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portreeve/portreeve/internal/jwks"
	"github.com/portreeve/portreeve/internal/reload"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/xds/ack"
)

// bound is how long anything may take before a test gives up.
const bound = 20 * time.Second

// nothing is policy with a mistake in it, without gateways and keys.
type nothing struct{}

func (nothing) Status() reload.Status {
	return reload.Status{Ready: true, Diagnostics: diag.List{diag.New(diag.CodeYAML, diag.Position{File: "seen.yaml", Line: 1}, "a mistake")}}
}
func (nothing) Serving(string) (served, told envoy.Resources, ok bool) { return }
func (nothing) Gateways() []ack.Gateway                                { return nil }

type noKeys struct{}

func (noKeys) Status() []jwks.SourceStatus { return nil }

// options are those of an interface in plain text.
func options(hosts ...string) Options {
	registry := prometheus.NewRegistry()
	return Options{Policy: nothing{}, Gateways: nothing{}, Keys: noKeys{}, Metrics: registry, Registerer: registry, Hosts: hosts, Now: time.Now}
}

// serving serves the interface until the test ends and returns its address.
func serving(t *testing.T, hosts ...string) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- Serve(ctx, l, Handler(options(hosts...)), slog.New(slog.DiscardHandler))
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(bound):
			t.Error("it does not end")
		}
	})
	return l.Addr().String()
}

func connect(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(bound)); err != nil {
		t.Fatal(err)
	}
	return c
}

// asks sends a request on a connection and returns the answer's status and text.
func asks(t *testing.T, c net.Conn, path, host string) (int, string) {
	t.Helper()
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, host); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// TestConnectionsThatRestMakeRoom holds that 500 connections, those that never said anything and
// those that wait for their next request, keep nobody out, and that all but the bound are closed.
func TestConnectionsThatRestMakeRoom(t *testing.T) {
	for name, first := range map[string]string{"silent": "", "answered": "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", "half a request": "GET /healthz HT"} {
		t.Run(name, func(t *testing.T) {
			address := serving(t)
			var open []net.Conn
			for range 500 {
				c := connect(t, address)
				open = append(open, c)
				if _, err := io.WriteString(c, first); err != nil {
					t.Fatal(err)
				}
				if name == "answered" {
					if _, err := bufio.NewReader(c).ReadString('\n'); err != nil {
						t.Fatal(err)
					}
				}
			}
			if status, text := asks(t, connect(t, address), "/readyz", "localhost"); status != http.StatusOK || !strings.HasPrefix(text, "ready") {
				t.Errorf("status %d: %s", status, text)
			}
			// Which of two goes first that came to rest at the same time is chance.
			for i, c := range open[:len(open)-2*maxConnections] {
				if _, err := io.Copy(io.Discard, c); err != nil && strings.Contains(err.Error(), "timeout") {
					t.Fatalf("connection %d stays", i)
				}
			}
		})
	}
}

// TestAnEvictionSparesWhoIsServed holds that a connection with a request outlives those without.
func TestAnEvictionSparesWhoIsServed(t *testing.T) {
	var open connections
	server, client := net.Pipe()
	defer func() { _ = client.Close() }()
	open.note(server, http.StateNew)
	open.note(server, http.StateActive)
	for range 3 * maxConnections {
		idle, other := net.Pipe()
		defer func() { _ = other.Close() }()
		open.note(idle, http.StateNew)
	}
	if len(open.busy) != 1 || len(open.resting) != maxConnections-1 {
		t.Errorf("%d with a request and %d without", len(open.busy), len(open.resting))
	}
	go func() { _, _ = server.Write([]byte("a")) }()
	if _, err := client.Read(make([]byte, 1)); err != nil {
		t.Errorf("the one that is served was closed: %v", err)
	}
}

// TestHeadersAreBounded holds that a request cannot fill memory with its headers.
func TestHeadersAreBounded(t *testing.T) {
	c := connect(t, serving(t))
	if status, _ := asks(t, c, "/readyz", "localhost\r\nX-Large: "+strings.Repeat("a", 4*maxHeader)); status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d", status)
	}
}

// TestAnswersTakeTurns holds that no more than a few answers of /debug are held at one time.
func TestAnswersTakeTurns(t *testing.T) {
	debug := make(turns, 1)
	debug <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	asked := false
	answer := func() int {
		w := httptest.NewRecorder()
		debug.take(func(http.ResponseWriter, *http.Request) { asked = true })(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/", http.NoBody))
		return w.Code
	}
	if status := answer(); status != http.StatusServiceUnavailable || asked {
		t.Errorf("status %d, and it was asked: %v", status, asked)
	}
	cancel()
	if answer(); asked {
		t.Error("who has gone is answered")
	}
	<-debug
	ctx = t.Context() // where both hold, either may count
	if answer(); !asked {
		t.Error("it was not asked when it was its turn")
	}
}

// TestNamesOfTheInterface holds by which names policy is shown. A page that has its own name
// resolved to this address does not get to see it.
func TestNamesOfTheInterface(t *testing.T) {
	address := serving(t, "Admin.test", "named.test:18001", "192.0.2.7")
	port := address[strings.LastIndexByte(address, ':'):]
	for host, known := range map[string]bool{
		"localhost": true, "localhost" + port: true, "LOCALHOST.": true, "127.0.0.1" + port: true, "127.9.9.9": true, "[::1]" + port: true, "[::1]": true, "[::ffff:127.0.0.1]": true,
		"admin.test": true, "admin.test:9": true, "named.test": true, "192.0.2.7": true,
		"evil.test": false, "evil.test" + port: false, "localhost.evil.test": false, "127.0.0.1.evil.test": false, "": false, "192.0.2.8": false, "0.0.0.0": false, "0.0.0.0" + port: false,
		"other.admin.test": false, "admin.test@evil.test": false, "2130706433": false, "127.1": false, "[::]": false,
	} {
		for path, shows := range map[string]string{"/debug/status": "seen.yaml", "/debug/config": "[]", "/readyz": "seen.yaml"} {
			want := http.StatusOK
			if !known && path != "/readyz" {
				want = http.StatusMisdirectedRequest
			}
			status, text := asks(t, connect(t, address), path, host)
			if strings.Contains(host, "@") && status == http.StatusBadRequest {
				continue
			}
			if status != want || strings.Contains(text, shows) != known || !known && path != "/readyz" && !strings.Contains(text, "--admin-host") {
				t.Errorf("%s as %q: %d %q", path, host, status, text)
			}
		}
		if status, _ := asks(t, connect(t, address), "/healthz", "evil.test"); status != http.StatusOK {
			t.Errorf("/healthz: %d", status)
		}
	}
	long := strings.Repeat("a", 5000)
	if _, text := asks(t, connect(t, address), "/debug/status", long); len(text) > 500 {
		t.Errorf("the refusal has %d bytes", len(text))
	}
}

// TestWhatIsForwardedIsNotOfThisMachine holds that a proxy on this machine which says for whom it asks opens nothing but what is open.
func TestWhatIsForwardedIsNotOfThisMachine(t *testing.T) {
	address := serving(t)
	for _, says := range []string{"Forwarded: for=192.0.2.1", "X-Forwarded-For: 127.0.0.1", "x-forwarded-for:", "X-Real-IP: 192.0.2.1", "Via: 1.1 proxy"} {
		for path, want := range map[string]int{"/debug/status": http.StatusForbidden, "/metrics": http.StatusForbidden, "/readyz": http.StatusOK} {
			if status, text := asks(t, connect(t, address), path, "localhost\r\n"+says); status != want || strings.Contains(text, "seen.yaml") {
				t.Errorf("%s with %s: %d %q", path, says, status, text)
			}
		}
	}
}

// TestTheListeningAddressIsItsOwn holds it for an address that is not of loopback.
func TestTheListeningAddressIsItsOwn(t *testing.T) {
	for local, known := range map[string]bool{"192.0.2.7:1": true, "[::ffff:192.0.2.7]:1": true, "192.0.2.8:1": false, "nothing": false} {
		tcp, err := net.ResolveTCPAddr("tcp", local)
		ctx := t.Context()
		if err == nil {
			ctx = context.WithValue(ctx, http.LocalAddrContextKey, net.Addr(tcp))
		}
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", http.NoBody)
		r.Host = "192.0.2.7:18001"
		if got := (Hosts{}).known(r); got != known {
			t.Errorf("at %s: %v", local, got)
		}
	}
}
