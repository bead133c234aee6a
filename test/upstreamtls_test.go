package test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// handshake is what a backend saw of a connection.
type handshake struct{ ServerName, Client string }

// tlsBackend runs an HTTPS server with a certificate of an authority for names. It answers
// with what it saw of the handshake, and wants client certificates of another authority
// where one is given. It returns its port.
func tlsBackend(t testing.TB, a authority, clients *authority, names ...string) string {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen := handshake{ServerName: r.TLS.ServerName}
		if len(r.TLS.PeerCertificates) > 0 {
			seen.Client = r.TLS.PeerCertificates[0].Subject.CommonName
		}
		_ = json.NewEncoder(w).Encode(seen)
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{a.issue(t, names...)}, MinVersion: tls.VersionTLS12}
	if clients != nil {
		s.TLS.ClientCAs = x509.NewCertPool()
		s.TLS.ClientCAs.AddCert(clients.certificate)
		s.TLS.ClientAuth = tls.RequireAndVerifyClientCert
	}
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL[strings.LastIndexByte(s.URL, ':')+1:]
}

// clientFiles writes a certificate of a client and its key, and returns the paths.
func clientFiles(t testing.TB, a authority) (certificate, key string) {
	t.Helper()
	issued := a.issueClient(t)
	private, err := x509.MarshalPKCS8PrivateKey(issued.PrivateKey)
	must(t, err)
	certificate, key = filepath.Join(t.TempDir(), "tls.crt"), filepath.Join(t.TempDir(), "tls.key")
	write(t, certificate, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: issued.Certificate[0]})))
	write(t, key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	return certificate, key
}

// TestABackendIsSpokenToInTLSAsItsRuleSays holds that a gateway speaks TLS to a backend as a
// DestinationRule says, and that it sends nothing to one that it cannot verify.
func TestABackendIsSpokenToInTLSAsItsRuleSays(t *testing.T) {
	envoytest.Require(t)
	right, wrong := newAuthority(t), newAuthority(t)
	clientCertificate, clientKey := clientFiles(t, wrong)
	plain, mutual := tlsBackend(t, right, nil, "web.example"), tlsBackend(t, right, &wrong, "web.example")
	withClient := "clientCertificate: " + clientCertificate + ", privateKey: " + clientKey
	for name, c := range map[string]struct {
		port, tls, host string
		// want is the server name that the backend saw; empty where nothing may arrive.
		want, client string
	}{
		"the request's host":               {plain, "mode: SIMPLE, caCertificates: " + right.file, "web.example", "web.example", ""},
		"the request's host, another name": {plain, "mode: SIMPLE, caCertificates: " + right.file, "other.example", "", ""},
		"another authority":                {plain, "mode: SIMPLE, caCertificates: " + wrong.file, "web.example", "", ""},
		"the authorities of the host":      {plain, "mode: SIMPLE", "web.example", "", ""},
		"a file that is not there":         {plain, "mode: SIMPLE, caCertificates: /nowhere/ca.pem", "web.example", "", ""},
		"sni":                              {plain, "mode: SIMPLE, sni: web.example, caCertificates: " + right.file, "shop.example", "web.example", ""},
		"sni of another name":              {plain, "mode: SIMPLE, sni: other.example, caCertificates: " + right.file, "web.example", "", ""},
		"a name of the certificate":        {plain, "mode: SIMPLE, sni: other.example, subjectAltNames: [a.example, web.example], caCertificates: " + right.file, "shop.example", "other.example", ""},
		"no name of the certificate":       {plain, "mode: SIMPLE, subjectAltNames: [a.example], caCertificates: " + right.file, "web.example", "", ""},
		"not verified":                     {plain, "mode: SIMPLE, sni: other.example, insecureSkipVerify: true", "web.example", "other.example", ""},
		"plain text to TLS":                {plain, "mode: DISABLE", "web.example", "", ""},
		"ISTIO_MUTUAL is plain text":       {plain, "mode: ISTIO_MUTUAL", "web.example", "", ""},
		"mutual":                           {mutual, "mode: MUTUAL, " + withClient + ", caCertificates: " + right.file, "web.example", "web.example", "test client"},
		"mutual without a certificate":     {mutual, "mode: SIMPLE, caCertificates: " + right.file, "web.example", "", ""},
		"mutual, another authority":        {mutual, "mode: MUTUAL, " + withClient + ", caCertificates: " + wrong.file, "web.example", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openShop(t, toWeb, web(c.port)+ruleFor("  trafficPolicy: {tls: {"+c.tls+"}}\n"))
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.address+"/", nil)
			must(t, err)
			request.Host = c.host
			answer, err := dial(t, s.address).Do(request)
			must(t, err)
			if c.want == "" {
				// What an HTTPS server answers to plain text is its own 400.
				if answer.Status != 503 && (answer.Status != 400 || !strings.Contains(string(answer.Body), "HTTP request to an HTTPS server")) {
					t.Errorf("status %d %s, want 503: the backend cannot be verified", answer.Status, answer.Body)
				}
				return
			}
			var got handshake
			err = json.Unmarshal(answer.Body, &got)
			if err != nil || answer.Status != 200 || got.ServerName != c.want || got.Client != c.client {
				t.Errorf("status %d, the backend saw %+v (%v), want the name %s and the client %q", answer.Status, got, err, c.want, c.client)
			}
		})
	}
}

// TestARefusedFileNamesItsRule holds that where Envoy refuses a secret for a file that is
// not there, the log leads to the DestinationRule, and that other services are not touched.
func TestARefusedFileNamesItsRule(t *testing.T) {
	envoytest.Require(t)
	one := named(t, "one", 200)
	s := openShop(t, toOther+toWeb, web(one)+otherService(one)+
		ruleFor("  trafficPolicy: {tls: {mode: SIMPLE, caCertificates: /nowhere/ca.pem}}\n"))
	if web, other := ask(t, s.address, "/").Status, ask(t, s.address, "/other").Status; web != 503 || other != 200 {
		t.Errorf("the refused service answers %d, want 503; the other %d, want 200", web, other)
	}
	eventually(t, "the log names the rule", func() bool {
		return strings.Contains(s.log.String(), "/nowhere/ca.pem") && strings.Contains(s.log.String(), "services.yaml:21:18")
	})
	if _, text := s.get("/debug/status"); !strings.Contains(text, "/nowhere/ca.pem") {
		t.Error("status does not say what was refused")
	}
}
