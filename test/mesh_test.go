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
	"path/filepath"
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

const onlyOneClient = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: client, namespace: istio-system}
spec: {rules: [{from: [{source: {%s: [203.0.113.7]}}]}]}
`

// TestOnlyTrustedProxiesTellTheClientsAddress holds whose address remoteIpBlocks are compared with. What a client
// writes into x-forwarded-for itself never counts.
func TestOnlyTrustedProxiesTellTheClientsAddress(t *testing.T) {
	tests := map[string]struct {
		proxies int
		status  map[string]int // by x-forwarded-for
	}{
		"none": {0, map[string]int{"": 403, "203.0.113.7": 403, "203.0.113.7, 198.51.100.1": 403}},
		"one": {1, map[string]int{"": 403, "203.0.113.7": 200, "192.0.2.9, 203.0.113.7": 200,
			"203.0.113.7, 198.51.100.1": 403, "203.0.113.7,198.51.100.1": 403}},
		"two": {2, map[string]int{"": 403, "203.0.113.7": 403, "203.0.113.7, 198.51.100.1": 200,
			"192.0.2.9, 203.0.113.7, 198.51.100.1": 200, "203.0.113.7, 192.0.2.9, 198.51.100.1": 403}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			mesh := fmt.Sprintf("defaultConfig: {gatewayTopology: {numTrustedProxies: %d}}\n", tc.proxies)
			_, address := meshGateway(t, mesh, fmt.Sprintf(onlyOneClient, "remoteIpBlocks"))
			for forwarded, want := range tc.status {
				var header []string
				if forwarded != "" {
					header = []string{"X-Forwarded-For: " + forwarded}
				}
				if status, _ := raw(t, address, "", "/", header...); status != want {
					t.Errorf("x-forwarded-for %q got %d, want %d", forwarded, status, want)
				}
			}
		})
	}
}

// TestTheProxyProtocolTellsTheClientsAddress holds that the address of the PROXY header is the client's for
// remoteIpBlocks, while ipBlocks go on to see the load balancer's, as under Istio; that
// x-forwarded-for then says nothing; and that a connection without the header is closed.
func TestTheProxyProtocolTellsTheClientsAddress(t *testing.T) {
	const mesh = "defaultConfig: {gatewayTopology: {proxyProtocol: {}}}\n"
	const theirs, others = "PROXY TCP4 203.0.113.7 127.0.0.1 1234 80\r\n", "PROXY TCP4 198.51.100.1 127.0.0.1 1234 80\r\n"
	for field, status := range map[string]map[string]int{
		"remoteIpBlocks": {theirs: 200, others: 403, "": 0},
		"ipBlocks":       {theirs: 403, others: 403, "": 0},
	} {
		t.Run(field, func(t *testing.T) {
			_, address := meshGateway(t, mesh, fmt.Sprintf(onlyOneClient, field))
			for first, want := range status {
				if status, _ := raw(t, address, first, "/", "X-Forwarded-For: 203.0.113.7"); status != want {
					t.Errorf("%q got %d, want %d", first, status, want)
				}
			}
		})
	}
}

// TestTheAccessLogSaysWhichRuleDenied holds that the log says which rule denied a request, and who sent it.
func TestTheAccessLogSaysWhichRuleDenied(t *testing.T) {
	for encoding, want := range map[string][]string{
		"TEXT": {`"GET /admin HTTP/1.1" 403`, "rbac_access_denied_matched_policy[ns[istio-system]-policy[admin]-rule[0]]", `"ns[istio-system]-policy[admin]-rule[0]"`, `"192.0.2.1,`},
		"JSON": {`"response_code":403`, `"response_code_details":"rbac_access_denied_matched_policy[ns[istio-system]-policy[admin]-rule[0]]"`, `"policy":"ns[istio-system]-policy[admin]-rule[0]"`},
	} {
		t.Run(encoding, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "access.log")
			e, address := meshGateway(t, fmt.Sprintf("accessLogFile: %s\naccessLogEncoding: %s\n", file, encoding), adminDenied)
			if status, _ := raw(t, address, "", "/admin", "X-Forwarded-For: 192.0.2.1"); status != http.StatusForbidden {
				t.Fatalf("/admin got %d", status)
			}
			e.Stop() // which writes the log out
			log, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range want {
				if !strings.Contains(string(log), text) {
					t.Errorf("the log lacks %s:\n%s", text, log)
				}
			}
		})
	}
}

// TestEnvoyLogsToTheStandardStreams holds that Envoy takes the standard streams and a format that
// needs an extension.
func TestEnvoyLogsToTheStandardStreams(t *testing.T) {
	const format = "denied %RESPONSE_CODE% %REQ_WITHOUT_QUERY(X-ENVOY-ORIGINAL-PATH?:PATH)% because"
	for _, stream := range []string{"/dev/stdout", "/dev/stderr"} {
		t.Run(filepath.Base(stream), func(t *testing.T) {
			e, address := meshGateway(t, fmt.Sprintf("accessLogFile: %s\naccessLogFormat: %q\n", stream, format), adminDenied)
			if status, _ := raw(t, address, "", "/admin?token=secret"); status != http.StatusForbidden {
				t.Fatalf("/admin got %d", status)
			}
			e.Stop()
			if want := "denied 403 /admin because"; !strings.Contains(e.Log(), want) {
				t.Errorf("the log lacks %q", want)
			}
		})
	}
}

// TestAnEditOfTheMeshConfigurationReachesTheGateway holds for an edit, and that an emptied or
// misspelt file changes nothing: a policy of the root namespace that it names stays enforced.
func TestAnEditOfTheMeshConfigurationReachesTheGateway(t *testing.T) {
	envoytest.Require(t)
	mesh := meshFile(t, "rootNamespace: platform\n")
	policy := strings.ReplaceAll(adminDenied, "namespace: istio-system", "namespace: platform")
	s := newScene(t, policy, "--mesh-config", mesh)
	becomes := func(path string, want int, header ...string) {
		t.Helper()
		eventually(t, fmt.Sprintf("%s gets %d", path, want), func() bool {
			status, _ := raw(t, s.address, "", path, header...)
			return status == want
		})
	}
	becomes("/admin", http.StatusForbidden)
	for _, broken := range []string{"", "# nothing\n", "rootNamepace: istio-system\n", "rootNamespace: other\n---\n{}\n"} {
		before := s.generation(t)
		write(t, mesh, broken)
		eventually(t, "the edit is read", func() bool { return s.generation(t) > before })
		if status, _ := raw(t, s.address, "", "/admin"); status != http.StatusForbidden {
			t.Errorf("with the mesh configuration %q /admin got %d", broken, status)
		}
	}
	// Another root namespace takes all policy away, which has to be meant.
	replace(t, mesh, "rootNamespace: other\n")
	eventually(t, "the group is kept from it", func() bool { _, kept := unguarded(t, s.plane); return kept })
	if status, _ := raw(t, s.address, "", "/admin"); status != http.StatusForbidden {
		t.Errorf("with a root namespace without policy /admin got %d", status)
	}
	write(t, filepath.Join(s.dir, "open.yaml"), strings.Replace(everythingPasses, "istio-system", "other", 1))
	becomes("/admin", http.StatusOK)
	replace(t, mesh, "rootNamespace: platform\npathNormalization: {normalization: NONE}\n")
	becomes("/admin", http.StatusForbidden)
	becomes("//admin", http.StatusOK)
	replace(t, mesh, "rootNamespace: platform\n")
	becomes("//admin", http.StatusForbidden)
}
