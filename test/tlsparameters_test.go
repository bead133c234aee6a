package test

import (
	"crypto/tls"
	"crypto/x509"
	"strings"
	"testing"
)

// TestTLSParametersAreEnforced has clients of one version, cipher suite or curve each meet servers
// that are narrower than Envoy's default. Who has nothing in common is refused by the server, in the
// handshake and in TLS's own words; who has is served, with what was asked for.
func TestTLSParametersAreEnforced(t *testing.T) {
	a := newAuthority(t)
	settings := map[string]string{
		"default.test": "",
		"max12.test":   ", maxProtocolVersion: TLSV1_2",
		"min13.test":   ", minProtocolVersion: TLSV1_3",
		"only12.test":  ", minProtocolVersion: TLSV1_2, maxProtocolVersion: TLSV1_2, cipherSuites: [ECDHE-ECDSA-AES256-GCM-SHA384]",
		"older.test":   ", minProtocolVersion: TLSV1_0, maxProtocolVersion: TLSV1_1, cipherSuites: [ECDHE-ECDSA-AES128-SHA]",
		"several.test": ", cipherSuites: [ECDHE-ECDSA-AES128-GCM-SHA256, NONE-SUCH, ECDHE-ECDSA-CHACHA20-POLY1305]",
		"curves.test":  ", ecdhCurves: [P-256]",
	}
	s := newSecureScene(t, a, secretOf(t, "server", a.issue(t, "*.test")), func(port int) []string {
		var servers []string
		for host, further := range settings {
			servers = append(servers, server(port, strings.TrimSuffix(host, ".test"), "HTTPS", host, "mode: SIMPLE, credentialName: server"+further))
		}
		return servers
	})
	const version, handshake = "remote error: tls: protocol version not supported", "remote error: tls: handshake failure"
	only := func(v uint16, suites ...uint16) *tls.Config {
		return &tls.Config{MinVersion: v, MaxVersion: v, CipherSuites: suites}
	}
	const aes128, aes256, chacha, cbc = tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA
	for _, c := range []struct {
		host    string
		client  *tls.Config
		refused string // by these words
	}{
		{"default.test", only(tls.VersionTLS11, cbc), version},
		{"default.test", only(tls.VersionTLS12), ""},
		{"default.test", only(tls.VersionTLS13), ""},
		{"max12.test", only(tls.VersionTLS12), ""},
		{"max12.test", only(tls.VersionTLS13), version},
		{"min13.test", only(tls.VersionTLS13), ""},
		{"min13.test", only(tls.VersionTLS12), version},
		{"only12.test", only(tls.VersionTLS12, aes256), ""},
		{"only12.test", only(tls.VersionTLS12, aes128, chacha), handshake},
		{"only12.test", only(tls.VersionTLS11, cbc), version},
		{"only12.test", only(tls.VersionTLS13), version},
		{"older.test", only(tls.VersionTLS10, cbc), ""},
		{"older.test", only(tls.VersionTLS11, cbc), ""},
		{"older.test", only(tls.VersionTLS12, cbc), version},
		{"several.test", only(tls.VersionTLS12, aes128), ""},
		{"several.test", only(tls.VersionTLS12, chacha), ""},
		{"several.test", only(tls.VersionTLS12, aes256), handshake},
		{"several.test", only(tls.VersionTLS13), ""}, // whose suites nobody chooses
		{"curves.test", &tls.Config{CurvePreferences: []tls.CurveID{tls.CurveP256}}, ""},
		{"curves.test", &tls.Config{CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP384}}, handshake},
		{"default.test", &tls.Config{CurvePreferences: []tls.CurveID{tls.X25519}}, ""},
	} {
		roots := x509.NewCertPool()
		roots.AddCert(a.certificate)
		c.client.ServerName, c.client.RootCAs = c.host, roots
		what := []any{c.host, tls.VersionName(c.client.MaxVersion), c.client.CipherSuites, c.client.CurvePreferences}
		got, err := s.dial(t, c.client)
		switch {
		case c.refused == "" && err != nil:
			t.Errorf("%v: %v", what, err)
		case c.refused != "" && (err == nil || !strings.Contains(err.Error(), c.refused)):
			t.Errorf("%v: %v, want %s", what, err, c.refused)
		case err == nil:
			if status, _, _, err := got.get(c.host, "/"); err != nil || status != 200 {
				t.Errorf("%v: %d, %v", what, status, err)
			}
		}
	}
	s.gateway.MustReach(t, "listener."+strings.ReplaceAll(s.address, ":", "_")+".ssl.connection_error", 9)
}
