package test

import "testing"

// TestACertificateIsNeverTakenForAuthorities holds that a server whose credential is named like
// the authorities of another one does not take these away: Envoy would then ask nobody for a
// certificate.
func TestACertificateIsNeverTakenForAuthorities(t *testing.T) {
	a, clients := newAuthority(t), newAuthority(t)
	certificate, key := pems(t, a.issue(t, "plain.test"))
	secrets := secretOf(t, "foo", a.issue(t, "mutual.test")) +
		secretWith("foo-cacert", "tls.crt", certificate, "tls.key", key, "ca.crt", clients.pem())
	s := newSecureScene(t, a, secrets, func(port int) []string {
		return []string{
			server(port, "mutual", "HTTPS", "mutual.test", "mode: MUTUAL, credentialName: foo"),
			server(port, "plain", "HTTPS", "plain.test", "mode: SIMPLE, credentialName: foo-cacert"),
		}
	})
	for what, q := range map[string]struct {
		name      string
		authority *authority
		want      int
	}{
		"the right certificate": {"mutual.test", &clients, 200}, "none": {"mutual.test", nil, 0}, "a stranger's": {"mutual.test", &a, 0},
		"where none is asked for": {"plain.test", nil, 200},
	} {
		if q.authority == nil {
			if got := s.secureStatus(t, q.name, q.name, nil); got != q.want {
				t.Errorf("%s at %s: %d, want %d", what, q.name, got, q.want)
			}
			continue
		}
		if got := s.secureStatus(t, q.name, q.name, q.authority.client(t, "spiffe://cluster.local/ns/shop/sa/client")); got != q.want {
			t.Errorf("%s at %s: %d, want %d", what, q.name, got, q.want)
		}
	}
}

// TestAWiderServerLeadsToNoHostThatAsksForMore holds that a host is not to be had through a server
// that asks for another client certificate than the host's own.
func TestAWiderServerLeadsToNoHostThatAsksForMore(t *testing.T) {
	a, strict, lax := newAuthority(t), newAuthority(t), newAuthority(t)
	secrets := secretOf(t, "strict", a.issue(t, "admin.wide.test"), strict.pem()) + secretOf(t, "lax", a.issue(t, "x.wide.test"), lax.pem())
	s := newSecureScene(t, a, secrets, func(port int) []string {
		return []string{
			server(port, "strict", "HTTPS", "admin.wide.test", "mode: MUTUAL, credentialName: strict"),
			server(port, "lax", "HTTPS", `"*.wide.test"`, "mode: MUTUAL, credentialName: lax"),
		}
	})
	certificate := lax.client(t, "spiffe://cluster.local/ns/shop/sa/client")
	if got := s.secureStatus(t, "x.wide.test", "x.wide.test", certificate); got != 200 {
		t.Errorf("the wider server's own host: %d, want 200", got)
	}
	if got := s.secureStatus(t, "x.wide.test", "admin.wide.test", certificate); got != 421 {
		t.Errorf("the other server's host: %d, want 421", got)
	}
}
