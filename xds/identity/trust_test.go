package identity_test

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/portreeve/portreeve/xds/identity"
)

// TestWhoseCertificatePasses holds what is verified during the handshake, and again at every judgement.
func TestWhoseCertificatePasses(t *testing.T) {
	ca, other := newAuthority(t, "one"), newAuthority(t, "one")
	between := ca.under("between")
	good, revoked, under := ca.issue(edge1), ca.issue(edge1), between.issue(edge1)
	all := trust(t, bundle(ca, newAuthority(t, "beside")), ca.list(revoked), nil)
	numbered := trust(t, bundle(ca), nil, fmt.Appendf(nil, "# taken back\n\n0%X # edge-1\n", revoked.SerialNumber))
	many := func(c *x509.Certificate) {
		for i := range 101 {
			c.DNSNames = append(c.DNSNames, fmt.Sprintf("n%d.example.com", i))
		}
	}
	constrained := newAuthority(t, "constrained", func(c *x509.Certificate) {
		c.PermittedURIDomains, c.PermittedDNSDomainsCritical = []string{"cluster.local"}, true
	})
	ended := newAuthority(t, "ended", func(c *x509.Certificate) { c.NotAfter = moment.Add(-time.Second) })
	for name, tc := range map[string]struct {
		trust      *identity.Trust
		shown      []*x509.Certificate
		kind, says string
	}{
		"good":                     {all, []*x509.Certificate{good}, "", ""},
		"through an intermediate":  {all, []*x509.Certificate{between.issue(edge1), between.cert}, "", ""},
		"the intermediate missing": {all, []*x509.Certificate{between.issue(edge1)}, "certificate", "none of the authorities"},
		"another authority's":      {all, []*x509.Certificate{other.issue(edge1)}, "certificate", "none of the authorities"},
		"none":                     {all, nil, "certificate", "no certificate"},
		"no trust":                 {nil, []*x509.Certificate{good}, "certificate", "has no authorities"},
		"an empty trust":           {&identity.Trust{}, []*x509.Certificate{good}, "certificate", "has no authorities"},
		"expired": {all, []*x509.Certificate{ca.issue(edge1, func(c *x509.Certificate) { c.NotAfter = moment.Add(-time.Second) })},
			"certificate", "the certificate of " + edge1 + " is valid from 2026-11-30T11:00:00Z to 2026-11-30T11:59:59Z only"},
		"not valid yet":          {all, []*x509.Certificate{ca.issue(edge1, func(c *x509.Certificate) { c.NotBefore = moment.Add(time.Second) })}, "certificate", "only"},
		"of a server":            {all, []*x509.Certificate{ca.issue(edge1, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })}, "certificate", "clientAuth"},
		"of an authority":        {all, []*x509.Certificate{between.cert}, "certificate", "that of an authority"},
		"itself an authority":    {all, []*x509.Certificate{ca.cert}, "certificate", "that of an authority"},
		"revoked by a list":      {all, []*x509.Certificate{revoked}, "revoked", fmt.Sprintf("the certificate of %s is revoked (serial %x)", edge1, revoked.SerialNumber)},
		"revoked by its number":  {numbered, []*x509.Certificate{revoked}, "revoked", "revoked"},
		"of a revoked authority": {trust(t, bundle(ca), ca.list(between.cert), nil), []*x509.Certificate{between.issue(edge1), between.cert}, "revoked", "revoked"},
		"by an intermediate":     {trust(t, bundle(ca), between.list(under), nil), []*x509.Certificate{under, between.cert}, "revoked", "revoked"},
		"with a list of one out": {trust(t, bundle(ca), newAuthority(t, "out").list(good), nil), []*x509.Certificate{good}, "", ""},
		"another's number":       {trust(t, bundle(ca, other), other.list(), nil), []*x509.Certificate{revoked}, "", ""},
		"too many names":         {all, []*x509.Certificate{ca.issue(edge1, many)}, "certificate", "102 alternative names"},
		"too many certificates":  {all, append([]*x509.Certificate{good}, make([]*x509.Certificate, 10)...), "certificate", "shows 11 certificates"},
		"outside of constraints": {trust(t, bundle(constrained), nil, nil), []*x509.Certificate{constrained.issue("spiffe://other/ns/edge/gateway/edge-1")}, "certificate", "cannot be verified"},
		"within the constraints": {trust(t, bundle(constrained), nil, nil), []*x509.Certificate{constrained.issue(edge1)}, "", ""},
		"an expired authority's": {trust(t, bundle(ended), nil, nil), []*x509.Certificate{ended.issue(edge1)}, "certificate", "cannot be verified"},
	} {
		t.Run(name, func(t *testing.T) {
			j := identity.NewJudge(options())
			j.SetMappings(nil)
			j.SetTrust(tc.trust)
			err := j.Verify(tc.shown)
			_, again := j.Allow(proof(tc.shown...), claim("edge", "edge-1", nil))
			if tc.kind == "" {
				if err != nil || again != nil {
					t.Errorf("%v, %v", err, again)
				}
				return
			}
			refused(t, err, tc.kind, tc.says)
			refused(t, again, tc.kind, tc.says)
		})
	}
}

// TestWrongTrustIsNotTaken holds that of what cannot be read whole nothing is taken, and that the error says which it is.
func TestWrongTrustIsNotTaken(t *testing.T) {
	ca, same := newAuthority(t, "one"), newAuthority(t, "one")
	good := bundle(ca)
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("secret-key-bytes")})
	between := ca.under("between")
	leaf := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.issue(edge1).Raw})
	critical := pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 27}, Critical: true, Value: []byte{2, 1, 1}}
	issuer := pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 29}, Critical: true, Value: []byte{48, 0}}
	for name, tc := range map[string]struct {
		authorities, revoked, serials []byte
		says                          string
	}{
		"no authority":        {nil, nil, nil, "read authorities: 0 of 0 blocks"},
		"not PEM":             {[]byte("hello"), nil, nil, "0 of 0 blocks"},
		"a private key":       {append(append([]byte{}, good...), key...), nil, nil, "block 2 is a PRIVATE KEY, want CERTIFICATE"},
		"a gateway's":         {leaf, nil, nil, "is not one of an authority"},
		"cut short":           {append(append([]byte{}, good...), good[:len(good)-20]...), nil, nil, "1 of 2 blocks"},
		"broken in between":   {append(append([]byte("-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n"), good...), good...), nil, nil, "2 of 3 blocks"},
		"not a certificate":   {pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}), nil, nil, "certificate 1"},
		"too large":           {make([]byte, 2<<20), nil, nil, "want at most"},
		"too many":            {[]byte(strings.Repeat(string(good), 257)), nil, nil, "257 certificates, want at most 256"},
		"a forged list":       {good, same.list(), nil, "read lists of revoked certificates: list 1: it says that it is of one of the authorities, whose signature it does not have"},
		"the second is wrong": {good, append(between.list(), same.list()...), nil, "list 2"},
		"a list that is cut":  {good, append(ca.list(), ca.list()[:60]...), nil, "1 of 2 blocks"},
		"no list":             {good, []byte("hello"), nil, "list 1"},
		"a part of a list":    {good, ca.listWith(func(l *x509.RevocationList) { l.ExtraExtensions = []pkix.Extension{critical} }), nil, "critical extension 2.5.29.27"},
		"others' certificates": {good, ca.listWith(func(l *x509.RevocationList) {
			l.RevokedCertificateEntries[0].ExtraExtensions = []pkix.Extension{issuer}
		}, ca.issue(edge1)), nil, "critical extension 2.5.29.29"},
		"lists too large":   {good, make([]byte, identity.MaxBytes+1), nil, "want at most"},
		"no number":         {good, nil, []byte("12\n# x\nhello\n"), `read revoked serial numbers: line 3: "hello" is not a serial number`},
		"a sign":            {good, nil, []byte("-12"), "line 1"},
		"a long number":     {good, nil, []byte(strings.Repeat("a", 65)), "line 1"},
		"colons only":       {good, nil, []byte("::"), "line 1"},
		"numbers too large": {good, nil, make([]byte, identity.MaxBytes+1), "want at most"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := identity.NewTrust(tc.authorities, tc.revoked, tc.serials)
			if err == nil || got != nil || !strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "secret") || len(err.Error()) > 1<<10 {
				t.Errorf("got %v, %v, want an error that says %q", got, err, tc.says)
			}
		})
	}
}

// TestTrustIsReadAsToolsWriteIt holds the forms of lists and numbers.
func TestTrustIsReadAsToolsWriteIt(t *testing.T) {
	ca := newAuthority(t, "one")
	c := ca.issue(edge1)
	list := ca.list(c)
	block, _ := pem.Decode(list)
	number := c.SerialNumber.Text(16)
	distribution := pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 28}, Critical: true, Value: []byte{48, 3, 0x81, 1, 0xff}}
	for name, of := range map[string]*identity.Trust{
		"DER":                  trust(t, bundle(ca), block.Bytes, nil),
		"a distribution point": trust(t, bundle(ca), ca.listWith(func(l *x509.RevocationList) { l.ExtraExtensions = []pkix.Extension{distribution} }, c), nil),
		"the second list":      trust(t, bundle(ca), append(ca.list(), list...), nil),
		"colons":               trust(t, bundle(ca), nil, []byte("00:"+strings.ToUpper(number))),
		"windows' lines":       trust(t, bundle(ca), nil, []byte("# x\r\n"+number+"\r\n")),
	} {
		t.Run(name, func(t *testing.T) {
			j := identity.NewJudge(options())
			j.SetTrust(of)
			refused(t, j.Verify([]*x509.Certificate{c}), "revoked", "revoked")
		})
	}
	if !trust(t, bundle(ca), nil, nil).Pool().Equal(trust(t, bundle(ca), list, nil).Pool()) {
		t.Error("the authorities are others with a list")
	}
}

// TestAListRevokesByWhoseKeyItIs holds that a list revokes what its authority has issued where it writes its name in another
// encoding; that one of an authority that was taken out keeps nothing from being taken up where its successor has its
// name; and that lists of nobody here are told of.
func TestAListRevokesByWhoseKeyItIs(t *testing.T) {
	ca, before, between := newAuthority(t, "one"), newAuthority(t, "one"), newAuthority(t, "root").under("between")
	before.issue(edge1)
	c, old := ca.issue(edge1), before.issue(edge1)
	encoded := *ca.cert
	encoded.RawSubject = bytes.Replace(ca.cert.RawSubject, []byte{asn1.TagPrintableString, 3}, []byte{asn1.TagUTF8String, 3}, 1)
	if bytes.Equal(encoded.RawSubject, ca.cert.RawSubject) {
		t.Fatal("the name is not in another encoding")
	}
	again := &authority{t: t, key: ca.key, cert: &encoded}
	j := identity.NewJudge(options())
	for name, tc := range map[string]struct {
		list    []byte
		kind    string
		strange int
	}{
		"another encoding":  {again.list(c), "revoked", 0},
		"a predecessor's":   {append(before.list(old), ca.list(c)...), "revoked", 1},
		"an intermediate's": {append(between.list(c), between.list()...), "", 2},
	} {
		t.Run(name, func(t *testing.T) {
			of := trust(t, bundle(ca), tc.list, nil)
			j.SetTrust(of)
			if got := of.Strange(); len(got) != tc.strange {
				t.Errorf("strange are the lists of %q", got)
			}
			err := j.Verify([]*x509.Certificate{c})
			if tc.kind == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			refused(t, err, tc.kind, "revoked")
			refused(t, j.Verify([]*x509.Certificate{old}), "certificate", "none of the authorities")
		})
	}
}

// TestAProofNamesWhoItIs holds what the log and the status show.
func TestAProofNamesWhoItIs(t *testing.T) {
	ca := newAuthority(t, "one")
	named := ca.issue("", func(c *x509.Certificate) { c.DNSNames = []string{"a.example.com", "b.example.com"} })
	for want, p := range map[string]identity.Proof{
		edge1:                             proof(ca.issue(edge1)),
		"dns:a.example.com,b.example.com": proof(named),
		"uid 101 (pid 42)":                {Transport: identity.Unix, User: &identity.User{UID: 101, PID: 42}},
		"":                                {Transport: identity.Loopback, User: &identity.User{UID: 101}},
	} {
		if got := p.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := proof(named).Until(); !got.Equal(moment.Add(time.Hour)) {
		t.Errorf("it ends at %v", got)
	}
}
