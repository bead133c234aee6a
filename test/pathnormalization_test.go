package test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// rawBackend answers 200 with the request target as it came over the wire: no library
// between has touched it.
type rawBackend struct {
	listener net.Listener
	serving  sync.WaitGroup
}

func runRawBackend(t *testing.T) *rawBackend {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &rawBackend{listener: l}
	b.serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			b.serving.Go(func() { b.answer(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		b.serving.Wait()
	})
	return b
}

func (b *rawBackend) port() int { return b.listener.Addr().(*net.TCPAddr).Port }

// answer serves one request and closes the connection.
func (b *rawBackend) answer(c net.Conn) {
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(bound))
	r := bufio.NewReader(c)
	request, err := r.ReadString('\n')
	for line := request; err == nil && strings.TrimRight(line, "\r\n") != ""; {
		line, err = r.ReadString('\n')
	}
	words := strings.Split(strings.TrimRight(request, "\r\n"), " ")
	if err != nil || len(words) != 3 {
		return
	}
	_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(words[1]), words[1])
}

// meshGateway runs Envoy with the static configuration of a policy and a mesh configuration,
// in front of a raw backend, and returns it with its address.
func meshGateway(t *testing.T, mesh, policy string) (*envoytest.Envoy, string) {
	t.Helper()
	envoytest.Require(t)
	port := envoytest.FreePort(t)
	dir := newPolicyDir(t, map[string]string{"routing.yaml": routing(port, runRawBackend(t).port()) + "---\n" + policy})
	var out, errs bytes.Buffer
	args := []string{"render", "envoy", "--static", "--envoy-admin-address", "127.0.0.1:0", "--mesh-config", meshFile(t, mesh), dir}
	if code := run(t.Context(), args, &out, &errs); code != exitClean {
		t.Fatalf("exit %d: %s%s", code, out.String(), errs.String())
	}
	e := envoytest.Run(t, envoytest.Options{Bootstrap: out.Bytes()})
	t.Cleanup(func() { envoytest.NoDeprecations(t, e) })
	address := fmt.Sprintf("127.0.0.1:%d", port)
	e.MustListener(t, "127.0.0.1_"+fmt.Sprint(port))
	return e, address
}

// raw sends bytes in front of a GET of a target, and returns the answer's status and body,
// or 0 where the connection is closed without an answer.
func raw(t *testing.T, address, first, target string, header ...string) (int, string) {
	t.Helper()
	c, err := net.DialTimeout("tcp", address, bound)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(bound))
	text := first + "GET " + target + " HTTP/1.1\r\nHost: gateway.example\r\nConnection: close\r\n"
	for _, h := range header {
		text += h + "\r\n"
	}
	if _, err := io.WriteString(c, text+"\r\n"); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, ""
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// stricterThanIstio returns what a target becomes where that is not what Istio's table says.
func stricterThanIstio(target string) (string, bool) {
	switch {
	case strings.Contains(target, "#"):
		return "400", true // Envoy's default, which Istio's bootstrap switches off
	case target == "/..;/admin":
		return "/admin", true // Envoy 1.40 takes ..; for ..
	}
	return "", false
}

// TestPathsAreNormalizedAsIstiosTableSays sends Istio's own table over the wire, in every mode. What a
// target becomes is a path or the status of a refusal.
func TestPathsAreNormalizedAsIstiosTableSays(t *testing.T) {
	content, err := os.ReadFile("../../shared/conformance/path-normalization.json")
	if err != nil {
		t.Skipf("NOT RUN: Istio's suite path-normalization is not there: %v", err)
	}
	var suites []struct {
		Table map[string]struct {
			Mode string                     `json:"mode"`
			Rows []struct{ In, Out string } `json:"rows"`
		} `json:"table.json"`
	}
	if err := json.Unmarshal(content, &suites); err != nil {
		t.Fatal(err)
	}
	for name, table := range suites[0].Table {
		t.Run(name, func(t *testing.T) {
			_, address := meshGateway(t, "pathNormalization: {normalization: "+table.Mode+"}\n", "")
			for _, row := range table.Rows {
				status, got := raw(t, address, "", row.In)
				if status != http.StatusOK {
					got = strconv.Itoa(status)
				}
				want := row.Out
				if stricter, ok := stricterThanIstio(row.In); ok {
					want = stricter
				}
				if got != want {
					t.Errorf("%s became %s, want %s", row.In, got, want)
				}
			}
		})
	}
}

// detours are ways to write /admin that a server behind may take for it.
func detours() []string {
	return []string{"/admin", "//admin", "///admin", "/%2fadmin", "/%2Fadmin", "/x/../admin", "/x/%2e%2e/admin", "/x/%2E./admin", "/./admin",
		"/\\admin", "/%5cadmin", "\\admin", "/x\\..\\admin", "/x%2f..%2fadmin", "/%2e/admin", "/a%64min", "/admin?a=/b",
		"/admin#fragment", "/admin/", "/admin//x", "/admin%2fx", "/admin\\x", "/x/%2e%2e%2fadmin/x", "/x//../..//admin", "/..;/admin"}
}

const adminDenied = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: admin, namespace: istio-system}
spec: {action: DENY, rules: [{to: [{operation: {paths: [/admin, /admin/*]}}]}]}
`

// TestNoDetourLeadsToADeniedPath holds that without a choice in the mesh configuration no way of
// writing a path passes by a rule about it, and shows that Istio's own default lets some.
func TestNoDetourLeadsToADeniedPath(t *testing.T) {
	_, ours := meshGateway(t, "{}\n", adminDenied)
	_, istios := meshGateway(t, "pathNormalization: {normalization: DEFAULT}\n", adminDenied)
	passed := 0
	for _, target := range detours() {
		if status, got := raw(t, ours, "", target); status != http.StatusForbidden && status != http.StatusBadRequest {
			t.Errorf("%s reached the backend as %q (%d)", target, got, status)
		}
		if status, _ := raw(t, istios, "", target); status == http.StatusOK {
			passed++
		}
	}
	if status, got := raw(t, ours, "", "/public//a"); status != http.StatusOK || got != "/public/a" {
		t.Errorf("/public//a became %d %s", status, got)
	}
	if passed == 0 {
		t.Error("with Istio's default none of the detours passes: the table shows nothing")
	}
}
