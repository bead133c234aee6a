package test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
)

const webCluster = "cluster.outbound|80||web.default.svc.cluster.local;."

// TestOnlyTheWrittenStatusesCountAsErrors holds that the statuses that are written count as errors of
// an endpoint, and no others.
func TestOnlyTheWrittenStatusesCountAsErrors(t *testing.T) {
	envoytest.Require(t)
	rule := ruleFor(`  trafficPolicy:
    loadBalancer: {simple: ROUND_ROBIN}
    outlierDetection: {consecutive5xxErrors: 3, interval: 0.2s, baseEjectionTime: 60s, maxEjectionPercent: 50, outlierDetectionHttpErrorCodes: [429, 418]}
`)
	t.Run("written", func(t *testing.T) {
		s := openShop(t, toWeb, web(named(t, "good", 200), named(t, "limited", 429))+rule)
		eventually(t, "the endpoint that answers 429 is ejected", func() bool {
			s.answering(t, 2, "/")
			return s.gateway.MustCounter(t, webCluster+"outlier_detection.ejections_active") == 1
		})
		if got := s.answering(t, 20, "/"); got["good"] != 20 {
			t.Errorf("answers after the ejection: %v, want 20 of the good endpoint", got)
		}
	})
	t.Run("not written", func(t *testing.T) {
		s := openShop(t, toWeb, web(named(t, "good", 200), named(t, "failing", 500))+rule)
		if got := s.answering(t, 40, "/"); got["failing"] < 10 {
			t.Errorf("answers: %v, want those of the endpoint that answers 500 too", got)
		}
		if n := s.gateway.MustCounter(t, webCluster+"outlier_detection.ejections_active"); n != 0 {
			t.Errorf("%d endpoints are ejected, want none: 500 is not among the statuses", n)
		}
	})
	t.Run("written, and no error of a gateway", func(t *testing.T) {
		s := openShop(t, toWeb, web(named(t, "good", 200), named(t, "limited", 429))+strings.Replace(rule, "consecutive5xxErrors: 3", "consecutive5xxErrors: 0, consecutiveGatewayErrors: 3", 1))
		if got := s.answering(t, 40, "/"); got["limited"] < 10 {
			t.Errorf("answers: %v, want those of the endpoint that answers 429 too", got)
		}
		if n := s.gateway.MustCounter(t, webCluster+"outlier_detection.ejections_active"); n != 0 {
			t.Errorf("%d endpoints are ejected, want none: only 502, 503 and 504 are errors of a gateway", n)
		}
	})
}

// TestALoadedEndpointGetsFewerRequests holds that an endpoint that reports more load gets fewer requests.
func TestALoadedEndpointGetsFewerRequests(t *testing.T) {
	envoytest.Require(t)
	loaded := func(name, utilization string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Backend", name)
			w.Header().Set("Endpoint-Load-Metrics", `TEXT rps_fractional=100, application_utilization=`+utilization)
		}))
		t.Cleanup(s.Close)
		return portOf(s)
	}
	s := openShop(t, toWeb, web(loaded("idle", "0.1"), loaded("busy", "0.9"))+
		ruleFor("  trafficPolicy: {loadBalancer: {backendUtilization: {weightStabilizationPeriod: 0s, weightUpdatePeriod: 0.1s}}}\n"))
	eventually(t, "the idle endpoint gets most requests", func() bool {
		got := s.answering(t, 40, "/")
		return got["idle"]+got["busy"] == 40 && got["idle"] >= 30 && got["busy"] > 0
	})
	// Not by chance: nine of ten, as the loads say.
	if got := s.answering(t, 100, "/"); got["idle"] < 80 || got["busy"] == 0 {
		t.Errorf("answers: %v, want about 90 of the idle endpoint and 10 of the other", got)
	}
}

// TestAClientsAddressDecidesTheEndpoint holds that a client's address decides which endpoint answers.
func TestAClientsAddressDecidesTheEndpoint(t *testing.T) {
	envoytest.Require(t)
	var endpoints []string
	for i := range 5 {
		endpoints = append(endpoints, named(t, fmt.Sprint("b", i), 200))
	}
	s := openShop(t, toWeb, web(endpoints...)+ruleFor("  trafficPolicy: {loadBalancer: {consistentHash: {useSourceIp: true, maglev: {}}}}\n"))
	used := map[string]bool{}
	for client := range 12 {
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(client+1))}}
		answered := map[string]bool{}
		for range 4 {
			answered[getWith(t, &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}, s.address).Header.Get("Backend")] = true
		}
		if len(answered) != 1 {
			t.Errorf("client %d is answered by %v, want one endpoint", client, answered)
		}
		for name := range answered {
			used[name] = true
		}
	}
	if len(used) < 2 {
		t.Errorf("12 clients share the endpoints %v, want more than one", used)
	}
}

// getWith asks once, over a transport of its own.
func getWith(t testing.TB, transport *http.Transport, address string) *http.Response {
	t.Helper()
	t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport, Timeout: bound}
	response, err := client.Get("http://" + address + "/") //nolint:noctx // bounded by the client
	must(t, err)
	_, err = io.Copy(io.Discard, response.Body)
	must(t, err)
	must(t, response.Body.Close())
	return response
}

// TestABackendConnectionIsUsedNoMoreOftenThanWritten holds that a connection to a backend is not used
// more often.
func TestABackendConnectionIsUsedNoMoreOftenThanWritten(t *testing.T) {
	envoytest.Require(t)
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Backend", r.RemoteAddr) }))
	t.Cleanup(backend.Close)
	s := openShopWith(t, shopOptions{envoy: envoytest.Options{Concurrency: 1}}, toWeb, web(portOf(backend))+ruleFor("  trafficPolicy: {connectionPool: {http: {maxRequestsPerConnection: 2}}}\n"))
	got := s.answering(t, 6, "/")
	if len(got) != 3 {
		t.Errorf("6 requests came over %v, want 3 connections", got)
	}
	for connection, n := range got {
		if n != 2 {
			t.Errorf("%d requests came over %s, want 2", n, connection)
		}
	}
}

// spoken runs a backend that speaks HTTP/1.1 and HTTP/2 and names what was spoken.
func spoken(t testing.TB) string {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Backend", r.Proto) }))
	s.Config.Protocols = bothProtocols()
	s.Start()
	t.Cleanup(s.Close)
	return portOf(s)
}

func bothProtocols() *http.Protocols {
	p := &http.Protocols{}
	p.SetHTTP1(true)
	p.SetUnencryptedHTTP2(true)
	return p
}

// TestABackendIsSpokenToInItsProtocol is what a backend is spoken to in, by what the client speaks.
func TestABackendIsSpokenToInItsProtocol(t *testing.T) {
	envoytest.Require(t)
	onlyHTTP2 := &http.Protocols{}
	onlyHTTP2.SetUnencryptedHTTP2(true)
	for name, c := range map[string]struct{ pool, http1, http2 string }{
		"nothing is said":   {"{}", "HTTP/1.1", "HTTP/1.1"},
		"upgrade":           {"{h2UpgradePolicy: UPGRADE}", "HTTP/2.0", "HTTP/2.0"},
		"as the client":     {"{useClientProtocol: true}", "HTTP/1.1", "HTTP/2.0"},
		"explicitly not so": {"{h2UpgradePolicy: DO_NOT_UPGRADE}", "HTTP/1.1", "HTTP/1.1"},
	} {
		t.Run(name, func(t *testing.T) {
			s := openShop(t, toWeb, web(spoken(t))+ruleFor("  trafficPolicy: {connectionPool: {http: "+c.pool+"}}\n"))
			if got := getWith(t, &http.Transport{}, s.address).Header.Get("Backend"); got != c.http1 {
				t.Errorf("for a client of HTTP/1.1 the backend is spoken to in %s, want %s", got, c.http1)
			}
			if got := getWith(t, &http.Transport{Protocols: onlyHTTP2}, s.address).Header.Get("Backend"); got != c.http2 {
				t.Errorf("for a client of HTTP/2 the backend is spoken to in %s, want %s", got, c.http2)
			}
		})
	}
}

// TestSettingsOfAPortTakeThePlaceOfTheRest holds that what is written for a port takes the place of
// the rest.
func TestSettingsOfAPortTakeThePlaceOfTheRest(t *testing.T) {
	envoytest.Require(t)
	port := spoken(t)
	service := `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: web}
spec:
  hosts: [web]
  ports: [{number: 80, name: http, protocol: HTTP}, {number: 81, name: other, protocol: HTTP}]
  resolution: STATIC
  endpoints: [{address: 127.0.0.1, ports: {http: ` + port + `, other: ` + port + `}}]
`
	s := openShop(t, "  - {match: [{uri: {prefix: /other}}], route: [{destination: {host: web, port: {number: 81}}}]}\n"+toWeb, service+ruleFor(`  trafficPolicy:
    connectionPool: {http: {h2UpgradePolicy: UPGRADE}}
    portLevelSettings: [{port: {number: 81}, loadBalancer: {simple: ROUND_ROBIN, warmup: {duration: 5s, minimumPercent: 20, aggression: 1.5}}}]
`))
	for path, want := range map[string]string{"/": "HTTP/2.0", "/other": "HTTP/1.1"} {
		if got := s.answering(t, 3, path); got[want] != 3 {
			t.Errorf("%s: the backend is spoken to in %v, want %s", path, got, want)
		}
	}
}

// TestAProxyHeaderTellsTheBackendOfTheClient holds that a backend is told of the client by a header of
// the PROXY protocol.
func TestAProxyHeaderTellsTheBackendOfTheClient(t *testing.T) {
	envoytest.Require(t)
	for version, want := range map[string]string{"V1": "version 1, TCP4 127.0.0.1", "V2": "version 2, 127.0.0.1"} {
		t.Run(version, func(t *testing.T) {
			s := openShop(t, toWeb, web(proxied(t))+ruleFor("  trafficPolicy: {proxyProtocol: {version: "+version+"}}\n"))
			if got := ask(t, s.address, "/"); got.Status != 200 || got.Header.Get("Backend") != want {
				t.Errorf("the backend answers %d and saw %q, want 200 and %q", got.Status, got.Header.Get("Backend"), want)
			}
		})
	}
}

// proxied runs a backend that wants a PROXY header first, and answers with what that says.
func proxied(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed by the test
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				r := bufio.NewReader(c)
				seen, err := proxyHeader(r)
				if err != nil {
					return
				}
				if _, err := http.ReadRequest(r); err == nil {
					_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nBackend: %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", seen)
				}
			}()
		}
	}()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// proxyHeader reads a header of either version: whose address it gives.
func proxyHeader(r *bufio.Reader) (string, error) {
	const signature = "\r\n\r\n\x00\r\nQUIT\n"
	if first, err := r.Peek(len(signature)); err != nil || string(first) != signature {
		line, err := r.ReadString('\n')
		fields := strings.Fields(line)
		if err != nil || len(fields) != 6 || fields[0] != "PROXY" {
			return "", fmt.Errorf("no header: %q", line)
		}
		return "version 1, " + fields[1] + " " + fields[2], nil
	}
	head := make([]byte, 16)
	if _, err := io.ReadFull(r, head); err != nil {
		return "", err
	}
	// 0x21 is version 2 of a proxied connection, 0x11 is TCP over IPv4.
	body := make([]byte, binary.BigEndian.Uint16(head[14:]))
	if _, err := io.ReadFull(r, body); err != nil || head[12] != 0x21 || head[13] != 0x11 || len(body) < 12 {
		return "", fmt.Errorf("header %x %x: %w", head, body, err)
	}
	return "version 2, " + net.IP(body[:4]).String(), nil
}

// TestServicesOfEachResolutionAreReached asks services whose endpoints have names, and one whose
// endpoints a gateway cannot know.
func TestServicesOfEachResolutionAreReached(t *testing.T) {
	envoytest.Require(t)
	one := named(t, "one", 200)
	routes := ""
	for _, name := range []string{"dns", "robin", "none"} {
		routes += "  - {match: [{uri: {prefix: /" + name + "}}], route: [{destination: {host: " + name + ".example}}]}\n"
	}
	s := openShop(t, routes+toWeb,
		entryOf("dns", "DNS", one)+entryOf("robin", "DNS_ROUND_ROBIN", one)+entryOf("none", "NONE", "")+web(one))
	for path, want := range map[string]string{"/dns": "one", "/robin": "one", "/none": "503", "/": "one"} {
		if got := s.answering(t, 3, path); got[want] != 3 {
			t.Errorf("%s: answers %v, want 3 times %s", path, got, want)
		}
	}
	if !strings.Contains(s.log.String(), "PR0703") {
		t.Error("the log lacks the warning of the resolution NONE")
	}
}

func entryOf(name, resolution, port string) string {
	out := "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: " + name + "}\nspec:\n  hosts: [" + name + ".example]\n  ports: [{number: 80, name: http, protocol: HTTP}]\n  resolution: " + resolution + "\n"
	if port != "" {
		out += "  endpoints: [{address: localhost, ports: {http: " + port + "}}]\n"
	}
	return out + "---\n"
}
