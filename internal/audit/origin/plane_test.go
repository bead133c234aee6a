package origin_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/internal/audit"
	"github.com/portreeve/portreeve/internal/audit/origin"
	"github.com/portreeve/portreeve/internal/build"
	"github.com/portreeve/portreeve/internal/jwks"
	"github.com/portreeve/portreeve/xds/transport"
)

// TestAStartSaysHowTheOneBeforeEnded holds that a start after no end says so, and only then.
func TestAStartSaysHowTheOneBeforeEnded(t *testing.T) {
	for before, unstopped := range map[audit.Type]bool{"": false, audit.PlaneStopped: false, audit.GenerationRead: true, audit.PlaneStarted: true} {
		e := origin.Started(origin.Start{Build: build.Info{Version: "v1", Commit: "c", GoVersion: "go"}, PID: 7, Before: before})
		details := e.Details.(origin.StartDetails)
		if e.Type != audit.PlaneStarted || details.Unstopped != unstopped || strings.Contains(e.Message, "no end") != unstopped || details.Version != "v1" || details.PID != 7 {
			t.Errorf("after %q it is %+v", before, e)
		}
	}
}

// TestFlagsShowNoSecret holds that what could be secret of the flags is not told: passwords and queries of addresses, and what is given
// where no secret belongs.
func TestFlagsShowNoSecret(t *testing.T) {
	e := origin.Started(origin.Start{Flags: []string{
		"xds-address=unix:///run/portreeve.sock", "config=/etc/policy", "labels=istio=ingressgateway", "sink=https://user:hush@host/path?token=hush#hush",
		"admin-host=eyJhbGciOiJodXNo.eyJodXNoIjoi.hush", "some-token=hush", "secrets-dir=/etc/secrets", "admin-token-file=/etc/tokens", "bad=://hush:hush@%zz",
	}})
	want := []string{
		"admin-host=[redacted]", "admin-token-file=/etc/tokens", "bad=[redacted]", "config=/etc/policy", "labels=istio=ingressgateway", "secrets-dir=/etc/secrets",
		"sink=https://host/path", "some-token=[redacted]", "xds-address=unix:///run/portreeve.sock",
	}
	if d := cmp.Diff(want, e.Details.(origin.StartDetails).Flags); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// TestAnEndSaysWhy holds the reason of an end: the signal, or the error, which makes it a failure.
func TestAnEndSaysWhy(t *testing.T) {
	if e := origin.Stopped(errors.New("terminated"), nil, time.Minute); e.Outcome != audit.Success || cmp.Diff(origin.StopDetails{Reason: "terminated", Uptime: 60}, e.Details) != "" {
		t.Errorf("of a signal it is %+v", e)
	}
	if e := origin.Stopped(context.Canceled, errors.New("no address https://user:hush@host/"), 0); e.Outcome != audit.Failure || !strings.Contains(e.Message, "no address") || strings.Contains(e.Message, "hush") {
		t.Errorf("of an error it is %+v", e)
	}
}

// TestKeysAreToldAsTheyAre holds which event each change of keys is.
func TestKeysAreToldAsTheyAre(t *testing.T) {
	c := jwks.Change{Source: "https://a/k", URI: "https://a/k", Keys: 1, Added: []jwks.KeyName{{ID: "a", Thumbprint: "t"}}, Reason: "no answer"}
	for kind, want := range map[jwks.ChangeKind]struct {
		audit.Type
		audit.Outcome
		says string
	}{
		jwks.Rotated: {audit.KeysRotated, audit.Success, "1 came, 0 went"}, jwks.Stopped: {audit.KeysFailed, audit.Failure, "no answer"}, jwks.Began: {audit.KeysFetched, audit.Success, "are fetched"},
	} {
		c.Kind = kind
		if e := origin.Keys(c); e.Type != want.Type || e.Outcome != want.Outcome || e.Subject != "https://a/k" || !strings.Contains(e.Message, want.says) {
			t.Errorf("%s is %+v", kind, e)
		}
	}
}

// certificate is one that certifies itself, and its key.
func certificate(t *testing.T) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(255), Subject: pkix.Name{CommonName: "plane"}, DNSNames: []string{"plane.test"}, NotAfter: time.Unix(1<<32, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	out, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return out, key
}

// TestACertificateIsNamed holds what is told of files of TLS that have changed: what is in force, or why it stays what it was, and
// within bounds.
func TestACertificateIsNamed(t *testing.T) {
	own, _ := certificate(t)
	c := transport.Change{Files: []string{"tls.crt", "tls.key"}, Changed: []string{"tls.crt"}, Certificates: []*x509.Certificate{own}}
	e := origin.TLS(c)
	name := e.Details.(origin.TLSDetails).InForce[0]
	if e.Outcome != audit.Success || e.Subject != "tls.crt" || name.Serial != "ff" || name.Subject != "CN=plane" || len(name.Fingerprint) != 64 || name.Names[0] != "plane.test" {
		t.Errorf("it is %+v", e)
	}
	c.Err = errors.New("they do not fit")
	if e := origin.TLS(c); e.Outcome != audit.Failure || !strings.Contains(e.Message, "they do not fit") {
		t.Errorf("of what cannot be taken it is %+v", e)
	}
	for range 8 {
		c.Certificates = append(c.Certificates, c.Certificates...)
	}
	text, err := json.Marshal(origin.TLS(c))
	if err != nil || strings.Count(string(text), "fingerprint") != 100 || len(text) > 64<<10 {
		t.Errorf("%d certificates are named, in %d bytes, %v", strings.Count(string(text), "fingerprint"), len(text), err)
	}
	if started := origin.Started(origin.Start{Certificate: own}).Details.(origin.StartDetails); started.Certificate == nil || started.Certificate.Serial != "ff" {
		t.Errorf("the start says of the certificate %+v", started.Certificate)
	}
}
