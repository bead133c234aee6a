package test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// countingBackend answers in plain text and counts requests. It returns its port.
func countingBackend(t testing.TB) (string, *atomic.Int64) {
	t.Helper()
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(s.Close)
	return s.URL[strings.LastIndexByte(s.URL, ':')+1:], &asked
}

// toOther leads /other to the service other.
const toOther = "  - {match: [{uri: {prefix: /other}}], route: [{destination: {host: other}}]}\n"

func otherService(port string) string {
	return "---\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: other}\nspec: {hosts: [other], ports: [{number: 80, name: http, protocol: HTTP}], resolution: STATIC, endpoints: [{address: 127.0.0.1, ports: {http: " + port + "}}]}\n"
}

func speaking(host, settings string) string {
	return fmt.Sprintf("---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: %s}\nspec: {host: %[1]s, trafficPolicy: {tls: {%s}}}\n", host, settings)
}

// TestABrokenFileEndsPlainText turns on TLS, for a service that is spoken to in plain text,
// with a file that Envoy cannot use. Nothing goes there any more, soon and for good; another
// service whose file is good is not held up, and neither are later edits to it.
func TestABrokenFileEndsPlainText(t *testing.T) {
	envoytest.Require(t)
	a := newAuthority(t)
	clientCertificate, clientKey := clientFiles(t, a)
	dir := t.TempDir()
	broken, tilde := filepath.Join(dir, "broken.pem"), filepath.Join(dir, "~.pem")
	write(t, broken, "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
	write(t, tilde, a.pem())
	for name, settings := range map[string]string{
		"no authority":        "mode: SIMPLE, caCertificates: /nowhere/ca.pem",
		"a broken authority":  "mode: SIMPLE, caCertificates: " + broken,
		"an empty authority":  "mode: SIMPLE, caCertificates: /dev/null",
		"no revocations":      "mode: SIMPLE, caCertificates: " + a.file + ", caCrl: /nowhere/ca.crl",
		"no certificate":      "mode: MUTUAL, caCertificates: " + a.file + ", clientCertificate: /nowhere/tls.crt, privateKey: " + clientKey,
		"no key":              "mode: MUTUAL, caCertificates: " + a.file + ", clientCertificate: " + clientCertificate + ", privateKey: /nowhere/tls.key",
		"a key as an address": "mode: MUTUAL, caCertificates: " + a.file + ", clientCertificate: " + clientKey + ", privateKey: " + clientCertificate,
	} {
		for protocol, form := range protocols() {
			t.Run(name+", "+protocol, func(t *testing.T) {
				port, asked := countingBackend(t)
				secure := tlsBackend(t, a, nil, "web.example")
				s := openShop(t, toOther+toWeb, web(port)+otherService(secure)).over(t, form)
				if got := ask(t, s.address, "/").Status; got != 200 {
					t.Fatalf("status %d in plain text", got)
				}
				began := time.Now()
				replace(t, s.services, web(port)+otherService(secure)+speaking("web", settings)+speaking("other", "mode: SIMPLE, sni: web.example, caCertificates: "+a.file))
				eventually(t, "plain text ends", func() bool { return ask(t, s.address, "/").Status == 503 })
				took, before := time.Since(began), asked.Load()
				eventually(t, "the other service is served", func() bool { return ask(t, s.address, "/other").Status == 200 })
				eventually(t, "the log names the rule", func() bool {
					return strings.Contains(s.log.String(), "type=SDS") && strings.Contains(s.log.String(), "services.yaml:")
				})
				replace(t, s.services, web(port)+otherService(secure)+speaking("web", settings)+speaking("other", "mode: SIMPLE, sni: none.example, caCertificates: "+a.file))
				eventually(t, "the other service's name counts", func() bool { return ask(t, s.address, "/other").Status == 503 })
				replace(t, s.services, web(port)+otherService(secure)+speaking("web", settings)+speaking("other", "mode: SIMPLE, sni: web.example, caCertificates: "+tilde))
				eventually(t, "the other service's new file counts", func() bool { return ask(t, s.address, "/other").Status == 200 })
				if got := ask(t, s.address, "/").Status; got != 503 || asked.Load() != before {
					t.Errorf("status %d, and %d requests went on in plain text", got, asked.Load()-before)
				}
				eventually(t, "status says that a secret is refused", func() bool { return refusedSecrets(t, s.plane) > 0 })
				if took > 2*time.Second {
					t.Errorf("plain text ended %v after the edit", took)
				}
				t.Logf("plain text ended %v after the edit", took.Round(time.Millisecond))
			})
		}
	}
}

// TestAFileThatComesLaterIsTakenUp holds that a file that was not there, of a backend and of a server, or
// that was broken, is taken up when it is put right, and that the log is not filled meanwhile.
func TestAFileThatComesLaterIsTakenUp(t *testing.T) {
	envoytest.Require(t)
	for name, form := range protocols() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAuthority(t)
			dir := t.TempDir()
			missing, broken, server := filepath.Join(dir, "missing.pem"), filepath.Join(dir, "broken.pem"), filepath.Join(dir, "tls")
			write(t, broken, "nonsense")
			secured := envoytest.FreePort(t)
			gateway := fmt.Sprintf("---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: shop2}\nspec:\n  selector: {istio: ingressgateway}\n  servers:\n  - {port: {number: %d, name: https, protocol: HTTPS}, bind: 127.0.0.1, hosts: [one.test], tls: {mode: SIMPLE, serverCertificate: %s.crt, privateKey: %[2]s.key}}\n", secured, server)
			backend := closingBackend(t, a, nil, "web.example")
			s := openShop(t, toOther+toWeb, web(backend)+otherService(backend)+gateway+
				speaking("web", "mode: SIMPLE, sni: web.example, caCertificates: "+missing)+speaking("other", "mode: SIMPLE, sni: web.example, caCertificates: "+broken)).over(t, form)
			s.gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", secured))
			scene := &secureScene{plane: s.plane, gateway: s.gateway, address: fmt.Sprintf("127.0.0.1:%d", secured), authority: a}
			if web, other, shown := ask(t, s.address, "/").Status, ask(t, s.address, "/other").Status, scene.shownCertificate(t, "one.test"); web != 503 || other != 503 || shown != "" {
				t.Fatalf("without the files: %d, %d, %q", web, other, shown)
			}
			attempts := func() uint64 {
				all, err := s.gateway.Stats(t.Context(), `sds.*missing.*update_rejected$`)
				must(t, err)
				for _, n := range all {
					return n
				}
				return 0
			}
			again := func() int {
				before := attempts()
				eventually(t, "the file is tried again", func() bool { return attempts() > before })
				return strings.Count(s.log.String(), "gateway refused")
			}
			if first, second := again(), again(); first != second {
				t.Errorf("the log says %d times that something is refused, then %d times", first, second)
			}
			again()
			eventually(t, "status says that three secrets are refused", func() bool { return refusedSecrets(t, s.plane) == 3 })
			certificate, key := pems(t, a.issue(t, "one.test"))
			replace(t, server+".key", key)
			replace(t, server+".crt", certificate)
			replace(t, missing, a.pem())
			replace(t, broken, a.pem())
			began := time.Now()
			eventually(t, "the backend is served", func() bool { return ask(t, s.address, "/").Status == 200 })
			eventually(t, "the other backend is served", func() bool { return ask(t, s.address, "/other").Status == 200 })
			eventually(t, "the server has its certificate", func() bool { return scene.shownCertificate(t, "one.test") != "" })
			eventually(t, "status says so", func() bool { return refusedSecrets(t, s.plane) == 0 })
			replace(t, missing, newAuthority(t).pem())
			eventually(t, "what replaces it is taken up too", func() bool { return ask(t, s.address, "/").Status == 503 })
			t.Logf("all are taken up %v after the last file", time.Since(began).Round(time.Millisecond))
		})
	}
}

// refusedSecrets returns how many secrets a gateway has refused, by its status.
func refusedSecrets(t *testing.T, p *plane) int {
	t.Helper()
	status, err := p.status(t)
	must(t, err)
	n := 0
	for _, g := range status.Gateways {
		for _, kind := range g.Types {
			for _, r := range kind.Resources {
				if kind.Name == "SDS" && r.Refused != "" {
					n++
				}
			}
		}
	}
	return n
}

// closingBackend is a tlsBackend that closes each connection after one answer.
func closingBackend(t testing.TB, a authority, clients *authority, name string) string {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen := handshake{ServerName: r.TLS.ServerName}
		if len(r.TLS.PeerCertificates) > 0 {
			seen.Client = r.TLS.PeerCertificates[0].Subject.CommonName
		}
		_ = json.NewEncoder(w).Encode(seen)
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{a.issue(t, name)}, MinVersion: tls.VersionTLS12}
	if clients != nil {
		s.TLS.ClientAuth, s.TLS.ClientCAs = tls.RequireAndVerifyClientCert, clients.pool()
	}
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.Config.SetKeepAlivesEnabled(false)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL[strings.LastIndexByte(s.URL, ':')+1:]
}

// mounted puts a certificate and its key where Kubernetes would mount them: both are replaced
// by one symlink.
func mounted(t testing.TB, dir string, c tls.Certificate) {
	t.Helper()
	certificate, key := pems(t, c)
	data := fmt.Sprintf("..%d", time.Now().UnixNano())
	must(t, os.Mkdir(filepath.Join(dir, data), 0o700))
	write(t, filepath.Join(dir, data, "tls.crt"), certificate)
	write(t, filepath.Join(dir, data, "tls.key"), key)
	must(t, os.Symlink(data, filepath.Join(dir, "..new")))
	must(t, os.Rename(filepath.Join(dir, "..new"), filepath.Join(dir, "..data")))
}

// TestReplacedUpstreamFilesLoseNoRequest replaces a client certificate, and then the authority, on the
// gateway's host under load. New connections have them, no request fails, and the gateway is
// sent nothing.
func TestReplacedUpstreamFilesLoseNoRequest(t *testing.T) {
	envoytest.Require(t)
	a, clients := newAuthority(t), newAuthority(t)
	named := func(name string) tls.Certificate {
		return clients.make(t, &x509.Certificate{Subject: pkix.Name{CommonName: name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	}
	dir := t.TempDir()
	mounted(t, dir, named("first"))
	for _, name := range []string{"tls.crt", "tls.key"} {
		must(t, os.Symlink("..data/"+name, filepath.Join(dir, name)))
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	write(t, ca, a.pem())
	s := openShop(t, toWeb, web(closingBackend(t, a, &clients, "web.example"))+speaking("web",
		fmt.Sprintf("mode: MUTUAL, sni: web.example, caCertificates: %s, clientCertificate: %s/tls.crt, privateKey: %[2]s/tls.key", ca, dir)))
	shown := func() (int, string) {
		status, seen := askSecure(t, s)
		return status, seen.Client
	}
	if status, name := shown(); status != 200 || name != "first" {
		t.Fatalf("status %d, the certificate of %q", status, name)
	}
	before := s.updates(t)
	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	var asked, failed atomic.Int64
	for range 2 {
		c := dial(t, s.address)
		load.Go(func() {
			for ctx.Err() == nil {
				if answer, err := c.Get(t.Context(), "http://"+s.address+"/"); err != nil || answer.Status != 200 {
					failed.Add(1)
					return
				}
				asked.Add(1)
			}
		})
	}
	const rotations = 5
	for i := range rotations {
		next := fmt.Sprint("client ", i)
		mounted(t, dir, named(next))
		eventually(t, "the new certificate is shown", func() bool { _, name := shown(); return name == next })
	}
	// One by one: the pair that is half new is not taken up.
	certificate, key := pems(t, named("apart"))
	replace(t, filepath.Join(dir, "tls.crt"), certificate)
	eventually(t, "the half new pair is refused", func() bool {
		all, err := s.gateway.Stats(t.Context(), `file-cert.*key_rotation_failed$`)
		must(t, err)
		for _, n := range all {
			return n > 0
		}
		return false
	})
	if _, name := shown(); name != fmt.Sprint("client ", rotations-1) {
		t.Errorf("with a certificate without its key, that of %q is shown", name)
	}
	replace(t, filepath.Join(dir, "tls.key"), key)
	eventually(t, "both are taken up", func() bool { _, name := shown(); return name == "apart" })
	stop()
	load.Wait()
	if failed.Load() > 0 || asked.Load() < rotations {
		t.Errorf("%d of %d clients saw a failure in %d requests", failed.Load(), 2, asked.Load())
	}
	replace(t, ca, newAuthority(t).pem())
	eventually(t, "the new authority counts", func() bool { status, _ := shown(); return status == 503 })
	replace(t, ca, a.pem())
	eventually(t, "the old authority counts again", func() bool { status, _ := shown(); return status == 200 })
	if d := cmp.Diff(before, s.updates(t)); d != "" {
		t.Errorf("the gateway was sent something (-before +after):\n%s", d)
	}
	t.Logf("%d rotations, %d requests, 0 failed", rotations, asked.Load())
}

// TestAnEmptyFileVerifiesNobody holds that an authority file without an authority does not let
// the gateway send to just anybody, neither when it is there first nor when it takes the place
// of a good one.
func TestAnEmptyFileVerifiesNobody(t *testing.T) {
	envoytest.Require(t)
	right, wrong := newAuthority(t), newAuthority(t)
	good, impostor := closingBackend(t, right, nil, "web.example"), closingBackend(t, wrong, nil, "web.example")
	first, later := filepath.Join(t.TempDir(), "ca.pem"), filepath.Join(t.TempDir(), "ca.pem")
	write(t, first, "")
	write(t, later, right.pem())
	verified := "mode: SIMPLE, sni: web.example, caCertificates: "
	s := openShop(t, toOther+toWeb, web(impostor)+otherService(good)+speaking("web", verified+first)+speaking("other", verified+later))
	other := func() int { return ask(t, s.address, "/other").Status }
	if got := ask(t, s.address, "/").Status; got != 503 || other() != 200 {
		t.Errorf("status %d of an empty file and %d of a good one", got, other())
	}
	replace(t, later, "")
	s.gateway.MustReach(t, "sds.file-root_"+later[1:]+".key_rotation_failed", 1)
	if got := other(); got != 200 {
		t.Errorf("status %d by the last good file", got)
	}
	replace(t, s.services, web(good)+otherService(impostor)+speaking("web", verified+first)+speaking("other", verified+later))
	eventually(t, "the impostor is refused", func() bool { return other() == 503 })
	if got := ask(t, s.address, "/").Status; got != 503 {
		t.Errorf("status %d of an empty file", got)
	}
}

// TestServersAndBackendsMayNameTheSameFiles holds that a Gateway and a DestinationRule may name the
// same files.
func TestServersAndBackendsMayNameTheSameFiles(t *testing.T) {
	envoytest.Require(t)
	a := newAuthority(t)
	dir := t.TempDir()
	certificate, key := pems(t, a.make(t, &x509.Certificate{DNSNames: []string{"one.test"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}}))
	for name, content := range map[string]string{"tls.crt": certificate, "tls.key": key, "ca.crt": a.pem()} {
		write(t, filepath.Join(dir, name), content)
	}
	backend := tlsBackend(t, a, &a, "web.example")
	routed := web(backend) + "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a}\nspec: {hosts: [one.test], gateways: [gateway], http: [{route: [{destination: {host: web}}]}]}\n"
	s := newSecureScene(t, a, secretOf(t, "unused", a.issue(t, "one.test")), func(port int) []string {
		return []string{server(port, "one", "HTTPS", "one.test", fmt.Sprintf("mode: OPTIONAL_MUTUAL, serverCertificate: %s/tls.crt, privateKey: %[1]s/tls.key, caCertificates: %[1]s/ca.crt", dir))}
	})
	replace(t, s.policy, routed)
	eventually(t, "plain text reaches it", func() bool { return s.secureStatus(t, "one.test", "one.test", nil) == 400 })
	replace(t, s.policy, routed+speaking("web", fmt.Sprintf("mode: MUTUAL, sni: web.example, caCertificates: %s/ca.crt, clientCertificate: %[1]s/tls.crt, privateKey: %[1]s/tls.key", dir)))
	eventually(t, "the backend is spoken to in TLS", func() bool { return s.secureStatus(t, "one.test", "one.test", nil) == 200 })
	if got := s.secureStatus(t, "one.test", "one.test", a.client(t, "spiffe://cluster.local/ns/shop/sa/client")); got != 200 {
		t.Errorf("status %d", got)
	}
}

// TestABrokenFileEndsPlainConnections is TestABrokenFileEndsPlainText for a service that no
// request is read on the way to.
func TestABrokenFileEndsPlainConnections(t *testing.T) {
	envoytest.Require(t)
	port := envoytest.FreePort(t)
	routes := fmt.Sprintf(`apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gateway}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: %d, name: tcp, protocol: TCP}, bind: 127.0.0.1, hosts: ["*"]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: echo}
spec: {hosts: ["*"], gateways: [gateway], tcp: [{route: [{destination: {host: echo.local, port: {number: 80}}}]}]}
`, port) + forwarded("echo.local", echo(t, "echo", nil))
	dir := newPolicyDir(t, map[string]string{"routing.yaml": routes})
	p := startPlane(t, dir)
	address := p.startGateway(t, envoytest.Options{}).MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))
	said := func() string {
		c, err := (&net.Dialer{Timeout: bound}).DialContext(t.Context(), "tcp", address)
		must(t, err)
		defer func() { _ = c.Close() }()
		must(t, c.SetDeadline(time.Now().Add(bound)))
		_, _ = fmt.Fprintln(c, "hello")
		line, err := bufio.NewReader(c).ReadString('\n')
		if timeout, ok := err.(net.Error); ok && timeout.Timeout() { //nolint:errorlint // of the connection itself
			t.Fatalf("neither an answer nor the end of the connection: %v", err)
		}
		return line
	}
	if got := said(); got != "echo hello\n" {
		t.Fatalf("in plain text: %q", got)
	}
	replace(t, filepath.Join(dir, "routing.yaml"), routes+speaking("echo.local", "mode: SIMPLE, caCertificates: /nowhere/ca.pem"))
	eventually(t, "plain text ends", func() bool { return said() == "" })
	eventually(t, "the log says why", func() bool { return strings.Contains(p.log.String(), "/nowhere/ca.pem") })
	if got := said(); got != "" {
		t.Errorf("after the refusal: %q", got)
	}
}
