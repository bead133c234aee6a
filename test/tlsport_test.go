package test

import (
	"crypto/tls"
	"testing"
)

// TestAllKindsOfTLSShareAPort has requests, connections that are decrypted and two kinds of
// passthrough on one port, told apart by the name of the handshake alone. Policy about requests
// closes what is not requests, and names that no server has are closed.
func TestAllKindsOfTLSShareAPort(t *testing.T) {
	a := newAuthority(t)
	own := a.issue(t, "pass.test", "raw.test")
	backend := &tls.Config{Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS12}
	manifests := secretOf(t, "gateway", a.issue(t, "http.test", "tcp.test", "x.wide.test")) +
		connectionRoutes("passed", "pass.test, raw.test", "gateway", "tls: [{match: [{sniHosts: [pass.test]}], route: ["+toPort80("pass.local", "")+"]}, {match: [{sniHosts: [raw.test]}], route: ["+toPort80("raw.local", "")+"]}]") +
		forwarded("pass.local", echo(t, "pass", backend)) + forwarded("raw.local", echo(t, "raw", backend))
	s := newSecureScene(t, a, manifests, func(port int) []string {
		return []string{
			server(port, "http", "HTTPS", `http.test, "*.wide.test"`, "mode: SIMPLE, credentialName: gateway"),
			server(port, "tcp", "TLS", "tcp.test", "mode: SIMPLE, credentialName: gateway"),
			server(port, "pass", "HTTPS", "pass.test", "mode: PASSTHROUGH"),
			server(port, "raw", "TLS", "raw.test", "mode: PASSTHROUGH"),
		}
	})
	say := func(name string) string {
		c, err := s.handshake(t, name, nil)
		if err != nil {
			return ""
		}
		defer func() { _ = c.Close() }()
		return line(t, c, "hello")
	}
	for name, want := range map[string]string{"tcp.test": "echo hello", "pass.test": "pass hello", "raw.test": "raw hello", "other.test": "", "wide.test": ""} {
		if got := say(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for name, want := range map[string]int{"http.test": 200, "x.wide.test": 200} {
		if got := s.secureStatus(t, name, name, nil); got != want {
			t.Errorf("%s: %d, want %d", name, got, want)
		}
	}
	// The client ends TLS with the backend itself where the gateway does not decrypt.
	if s.shownCertificate(t, "pass.test") != string(own.Certificate[0]) || s.shownCertificate(t, "tcp.test") == string(own.Certificate[0]) {
		t.Error("a certificate is shown by the wrong one of gateway and backend")
	}
	// A host of the passthrough server is not to be had in requests, whatever name the handshake had.
	if got := s.secureStatus(t, "http.test", "pass.test", nil); got != 421 {
		t.Errorf("a passthrough host in a request: %d, want 421", got)
	}
	replace(t, s.policy, ruled("DENY", `[{to: [{operation: {paths: [/admin]}}]}]`))
	eventually(t, "connections are closed by a rule about paths", func() bool { return say("tcp.test") == "" && say("pass.test") == "" && say("raw.test") == "" })
	c, err := s.handshake(t, "http.test", nil)
	must(t, err)
	for path, want := range map[string]int{"/admin": 403, "/": 200} {
		if got, _, _, err := c.get("http.test", path); err != nil || got != want {
			t.Errorf("%s: %d, %v, want %d", path, got, err, want)
		}
	}
}
