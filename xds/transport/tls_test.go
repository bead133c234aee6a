package transport_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/portreeve/portreeve/xds/identity"
)

// TestOnlyWhoIsVerifiedComesIn holds who gets past the handshake, and that nobody else is answered.
func TestOnlyWhoIsVerifiedComesIn(t *testing.T) {
	p := newTLSPlane(t)
	must(t, os.WriteFile(p.files.Revoked, p.authority.revoke(t, 7), 0o600))
	must(t, os.WriteFile(p.files.Serials, []byte("08\n"), 0o600))
	p.start(t)
	right, other := p.authority.forClient(t, 2), newAuthority(t, "others")
	old := p.client(t, right)
	old.MaxVersion = tls.VersionTLS12
	silent := p.client(t, right)
	silent.NextProtos = nil
	for name, c := range map[string]struct {
		client *tls.Config
		want   string
	}{
		"the right one":            {p.client(t, right), ""},
		"none":                     {p.client(t), "tls: client didn't provide a certificate"},
		"of another authority":     {p.client(t, other.forClient(t, 2)), "certificate signed by unknown authority"},
		"of a server":              {p.client(t, p.authority.forServer(t, 2)), "incompatible key usage"},
		"expired":                  {p.client(t, p.authority.issue(t, 2, x509.ExtKeyUsageClientAuth, time.Now().Add(-time.Hour), time.Now().Add(-time.Minute))), "expired"},
		"revoked by a list":        {p.client(t, p.authority.forClient(t, 7)), "revoked"},
		"revoked by its number":    {p.client(t, p.authority.forClient(t, 8)), "revoked"},
		"with TLS 1.2":             {old, "unsupported versions"},
		"without asking for gRPC ": {silent, "ALPN h2"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := p.comes(t, c.client); got != (c.want == "") {
				t.Errorf("it is answered: %v", got)
			}
			switch came := <-p.came; {
			case c.want == "" && (came.err != nil || came.info.Proof.Transport != identity.TLS || len(came.info.Proof.Certificates) != 1 || came.info.Proof.Certificates[0].SerialNumber.Int64() != 2):
				t.Errorf("the server knows %+v", came)
			case c.want != "" && (came.err == nil || !strings.Contains(came.err.Error(), c.want)):
				t.Errorf("the server says %v, want %q", came.err, c.want)
			}
		})
	}
}

// ticketCache counts the tickets that a server gives.
type ticketCache struct {
	tls.ClientSessionCache
	count int
}

func (c *ticketCache) Put(key string, s *tls.ClientSessionState) {
	if s != nil {
		c.count++
	}
	c.ClientSessionCache.Put(key, s)
}

// TestNoSessionIsResumed holds that every connection shows its certificate: the server gives no tickets.
func TestNoSessionIsResumed(t *testing.T) {
	p := startTLSPlane(t)
	client := p.client(t, p.authority.forClient(t, 2))
	tickets := &ticketCache{ClientSessionCache: tls.NewLRUClientSessionCache(10)}
	client.ClientSessionCache = tickets
	for range 3 {
		c, err := p.dial(t, client)
		must(t, err)
		if !answered(c) { // what the server sends after the handshake has come then
			t.Fatal("it is not answered")
		}
		if c.ConnectionState().DidResume {
			t.Error("a session was resumed")
		}
	}
	if tickets.count > 0 {
		t.Errorf("the server gave %d tickets", tickets.count)
	}
}

// TestAHandshakeIsBounded holds that who says nothing is let go.
func TestAHandshakeIsBounded(t *testing.T) {
	p := newTLSPlane(t)
	p.options.Handshake = 20 * time.Millisecond
	p.start(t)
	c, err := net.DialTimeout("tcp", p.address, bound)
	must(t, err)
	defer c.Close()
	select {
	case came := <-p.came:
		if came.err == nil || !strings.Contains(came.err.Error(), "longer than 20ms") {
			t.Errorf("the server says %v", came.err)
		}
	case <-time.After(bound):
		t.Fatal("the handshake has no end")
	}
}
