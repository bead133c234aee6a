package identity_test

import (
	"crypto/x509"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/xds/identity"
	"github.com/portreeve/portreeve/xds/node"
)

const edge1 = "spiffe://cluster.local/ns/edge/gateway/edge-1"

type labels = map[string]string

func claim(namespace, name string, l labels) node.Identity {
	return node.Identity{ID: "router~10.0.0.1~" + name + "." + namespace + "~x", Name: name, Group: node.Of(model.Gateway{Namespace: namespace, Labels: l, Locality: "r/z"})}
}

func domains(names ...string) []spiffeid.TrustDomain {
	var out []spiffeid.TrustDomain
	for _, n := range names {
		out = append(out, spiffeid.RequireTrustDomainFromString(n))
	}
	return out
}

func options() identity.Options {
	return identity.Options{TrustDomains: domains("cluster.local"), Now: func() time.Time { return moment }}
}

// mapping grants the gateway edge with two labels.
func mapping(grant model.Grant, change func(*model.GatewayIdentity)) model.GatewayIdentity {
	out := model.GatewayIdentity{Grant: grant, Gateway: model.Gateway{Namespace: "edge", Labels: labels{"istio": "ingressgateway", "tier": "a"}}, Origin: diag.Position{File: "ids.yaml", Line: 3, Column: 1}}
	change(&out)
	return out
}

func principals(of ...string) func(*model.GatewayIdentity) {
	return func(m *model.GatewayIdentity) { m.Principals = of }
}

// refused checks that an error is a refusal of a kind that says this, in a bounded number of bytes.
func refused(t *testing.T, err error, kind, says string) {
	t.Helper()
	var r *identity.Refusal
	if !errors.As(err, &r) || r.Kind != kind || !strings.Contains(r.Reason, says) || len(r.Reason) > 2<<10 {
		t.Errorf("got %#v, want %s that says %q", err, kind, says)
	}
}

// TestACertificateAloneIsExactlyItsGateway holds what an identity of the common form may be without a mapping.
func TestACertificateAloneIsExactlyItsGateway(t *testing.T) {
	ca := newAuthority(t, "one")
	j := identity.NewJudge(options())
	j.SetTrust(trust(t, bundle(ca), nil, nil))
	j.SetMappings(nil)
	if got, err := j.Allow(proof(ca.issue(edge1)), claim("edge", "edge-1", nil)); err != nil || got.Group.Key != claim("edge", "edge-1", nil).Group.Key {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := j.Allow(proof(ca.issue(edge1, func(c *x509.Certificate) { c.DNSNames = []string{"edge.example.com"} })), claim("edge", "edge-1", nil)); err != nil {
		t.Errorf("a DNS name without a mapping changes what the ID allows: %v", err)
	}
	for name, tc := range map[string]struct {
		certificate *x509.Certificate
		claimed     node.Identity
		kind, says  string
	}{
		"too many labels": {ca.issue(edge1), claim("edge", "edge-1", labels{"istio": "ingressgateway"}), "identity",
			"the certificate is of " + edge1 + ", which may be edge-1 in namespace edge with no labels; the node claims labels istio=ingressgateway: add a GatewayIdentity (serve --gateways FILE), or change what the bootstrap says"},
		"another namespace":      {ca.issue(edge1), claim("other", "edge-1", nil), "identity", "claims namespace other"},
		"another name":           {ca.issue(edge1), claim("edge", "edge-2", nil), "identity", `claims the name "edge-2"`},
		"another trust domain":   {ca.issue("spiffe://other/ns/edge/gateway/edge-1"), claim("edge", "edge-1", nil), "certificate", "--xds-trust-domain"},
		"another form":           {ca.issue("spiffe://cluster.local/ns/edge/sa/edge-1"), claim("edge", "edge-1", nil), "certificate", "names no gateway"},
		"more segments":          {ca.issue(edge1 + "/more"), claim("edge", "edge-1", nil), "certificate", "names no gateway"},
		"the trust domain alone": {ca.issue("spiffe://cluster.local"), claim("edge", "edge-1", nil), "certificate", "names no gateway"},
		"no SPIFFE ID":           {ca.issue("https://cluster.local/ns/edge/gateway/edge-1"), claim("edge", "edge-1", nil), "certificate", "is not a SPIFFE ID"},
		"a DNS name alone": {ca.issue("", func(c *x509.Certificate) { c.DNSNames = []string{"edge-1.edge"} }), claim("edge", "edge-1", nil),
			"certificate", "the certificate is of dns:edge-1.edge, which names no gateway and which no GatewayIdentity lists"},
		"two IDs": {ca.issue(edge1, func(c *x509.Certificate) {
			c.URIs = append(c.URIs, uri(t, "spiffe://cluster.local/ns/edge/gateway/edge-2"))
		}), claim("edge", "edge-1", nil), "certificate", "has 2 URIs"},
		"long labels": {ca.issue(edge1), claim("edge", "edge-1", manyLabels()), "identity", "…"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := j.Allow(proof(tc.certificate), tc.claimed)
			refused(t, err, tc.kind, tc.says)
			if got.Group.Key != "" {
				t.Errorf("it is given %+v", got)
			}
		})
	}
}

func manyLabels() labels {
	out := labels{}
	for i := range 100 {
		out[strings.Repeat("k", 40)+string(rune('a'+i%26))+string(rune('a'+i/26))] = strings.Repeat("v", 60)
	}
	return out
}

// TestWhatAMappingGrants holds what each grant makes of what nodes claim, and which mapping counts.
func TestWhatAMappingGrants(t *testing.T) {
	ca := newAuthority(t, "one")
	both := labels{"istio": "ingressgateway", "tier": "a"}
	other := func(m model.GatewayIdentity) model.GatewayIdentity {
		m.Gateway = model.Gateway{Namespace: "other"}
		return m
	}
	named := func(names ...string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.DNSNames = names }
	}
	dns := func(names ...string) func(*model.GatewayIdentity) {
		return func(m *model.GatewayIdentity) { m.DNSNames = names }
	}
	exactly, atMost := mapping(model.Exactly, principals(edge1)), mapping(model.AtMost, principals(edge1))
	for name, tc := range map[string]struct {
		mappings []model.GatewayIdentity
		proof    identity.Proof
		claimed  node.Identity
		// given is the gateway that it is served as; without a namespace it is refused, and says why.
		given model.Gateway
		says  string
	}{
		"exactly":                         {[]model.GatewayIdentity{exactly}, proof(ca.issue(edge1)), claim("edge", "edge-1", both), model.Gateway{Namespace: "edge", Labels: both}, ""},
		"exactly, a label missing":        {[]model.GatewayIdentity{exactly}, proof(ca.issue(edge1)), claim("edge", "edge-1", labels{"tier": "a"}), model.Gateway{}, "(ids.yaml:3:1); the node claims labels tier=a: change the GatewayIdentity"},
		"exactly, no default beside":      {[]model.GatewayIdentity{exactly}, proof(ca.issue(edge1)), claim("edge", "edge-1", nil), model.Gateway{}, "claims no labels"},
		"exactly, another name":           {[]model.GatewayIdentity{exactly}, proof(ca.issue(edge1)), claim("edge", "edge-2", both), model.Gateway{}, `claims the name "edge-2"`},
		"exactly, another namespace":      {[]model.GatewayIdentity{exactly}, proof(ca.issue(edge1)), claim("other", "edge-1", both), model.Gateway{}, "claims namespace other"},
		"at most, all":                    {[]model.GatewayIdentity{atMost}, proof(ca.issue(edge1)), claim("edge", "edge-1", both), model.Gateway{Namespace: "edge", Labels: both}, ""},
		"at most, one":                    {[]model.GatewayIdentity{atMost}, proof(ca.issue(edge1)), claim("edge", "edge-1", labels{"tier": "a"}), model.Gateway{Namespace: "edge", Labels: labels{"tier": "a"}}, ""},
		"at most, none":                   {[]model.GatewayIdentity{atMost}, proof(ca.issue(edge1)), claim("edge", "edge-1", nil), model.Gateway{Namespace: "edge"}, ""},
		"at most, another value":          {[]model.GatewayIdentity{atMost}, proof(ca.issue(edge1)), claim("edge", "edge-1", labels{"tier": "b"}), model.Gateway{}, "may be at most edge-1 in namespace edge with labels istio=ingressgateway,tier=a"},
		"at most, another label":          {[]model.GatewayIdentity{atMost}, proof(ca.issue(edge1)), claim("edge", "edge-1", labels{"tier": "a", "x": ""}), model.Gateway{}, "claims labels tier=a,x="},
		"assigned":                        {[]model.GatewayIdentity{mapping(model.Assign, principals(edge1))}, proof(ca.issue(edge1)), claim("any", "thing", labels{"x": "y"}), model.Gateway{Namespace: "edge", Labels: both}, ""},
		"an unknown grant":                {[]model.GatewayIdentity{mapping("", principals(edge1))}, proof(ca.issue(edge1)), claim("edge", "edge-1", both), model.Gateway{}, "not known"},
		"the ID before its prefix":        {[]model.GatewayIdentity{other(mapping(model.Assign, principals("spiffe://cluster.local/ns/edge/*"))), mapping(model.Assign, principals(edge1))}, proof(ca.issue(edge1)), claim("edge", "edge-1", nil), model.Gateway{Namespace: "edge", Labels: both}, ""},
		"the longest prefix":              {[]model.GatewayIdentity{other(mapping(model.Assign, principals("spiffe://cluster.local/*"))), mapping(model.Assign, principals("spiffe://cluster.local/ns/edge/*"))}, proof(ca.issue(edge1)), claim("edge", "edge-1", nil), model.Gateway{Namespace: "edge", Labels: both}, ""},
		"a prefix ends with a segment":    {[]model.GatewayIdentity{mapping(model.Assign, principals("spiffe://cluster.local/ns/ed/*"))}, proof(ca.issue("spiffe://cluster.local/ns/edge/sa/x")), claim("edge", "x", nil), model.Gateway{}, "names no gateway"},
		"a prefix is not below itself":    {[]model.GatewayIdentity{mapping(model.Assign, principals("spiffe://cluster.local/ns/edge/*"))}, proof(ca.issue("spiffe://cluster.local/ns/edge")), claim("edge", "x", nil), model.Gateway{}, "names no gateway"},
		"the whole trust domain":          {[]model.GatewayIdentity{mapping(model.AtMost, principals("spiffe://cluster.local/*"))}, proof(ca.issue("spiffe://cluster.local/x")), claim("edge", "any", nil), model.Gateway{Namespace: "edge"}, ""},
		"a mapping of an unlisted domain": {[]model.GatewayIdentity{mapping(model.Assign, principals("spiffe://other/*"))}, proof(ca.issue("spiffe://other/x")), claim("edge", "x", nil), model.Gateway{}, "--xds-trust-domain"},
		"a DNS name":                      {[]model.GatewayIdentity{mapping(model.AtMost, dns("edge.example.com"))}, proof(ca.issue("", named("x.example.com", "EDGE.example.com"))), claim("edge", "any", nil), model.Gateway{Namespace: "edge"}, ""},
		"a DNS name beside an ID":         {[]model.GatewayIdentity{mapping(model.AtMost, dns("edge.example.com"))}, proof(ca.issue(edge1, named("edge.example.com"))), claim("edge", "edge-1", nil), model.Gateway{Namespace: "edge"}, ""},
		"a DNS name, the name of the ID":  {[]model.GatewayIdentity{mapping(model.AtMost, dns("edge.example.com"))}, proof(ca.issue(edge1, named("edge.example.com"))), claim("edge", "edge-2", nil), model.Gateway{}, `claims the name "edge-2"`},
		"a DNS name of an unlisted ID":    {[]model.GatewayIdentity{mapping(model.AtMost, dns("edge.example.com"))}, proof(ca.issue("spiffe://other/x", named("edge.example.com"))), claim("edge", "x", nil), model.Gateway{}, "--xds-trust-domain"},
		"DNS names of two mappings":       {[]model.GatewayIdentity{mapping(model.AtMost, dns("a.example.com")), other(mapping(model.AtMost, dns("b.example.com")))}, proof(ca.issue("", named("a.example.com", "b.example.com"))), claim("edge", "x", nil), model.Gateway{}, "two GatewayIdentity"},
		"two DNS names of one mapping":    {[]model.GatewayIdentity{mapping(model.AtMost, dns("a.example.com", "b.example.com"))}, proof(ca.issue("", named("a.example.com", "b.example.com"))), claim("edge", "x", nil), model.Gateway{Namespace: "edge"}, ""},
		"a wildcard is no other name":     {[]model.GatewayIdentity{mapping(model.AtMost, dns("a.example.com"))}, proof(ca.issue("", named("*.example.com"))), claim("edge", "x", nil), model.Gateway{}, "names no gateway"},
		"the ID before a DNS name":        {[]model.GatewayIdentity{other(mapping(model.Assign, dns("a.example.com"))), mapping(model.Assign, principals(edge1))}, proof(ca.issue(edge1, named("a.example.com"))), claim("edge", "edge-1", nil), model.Gateway{Namespace: "edge", Labels: both}, ""},
		"no other gateway's mapping":      {[]model.GatewayIdentity{other(mapping(model.Assign, principals("spiffe://cluster.local/ns/edge/gateway/edge-2")))}, proof(ca.issue(edge1)), claim("edge", "edge-1", nil), model.Gateway{Namespace: "edge"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			j := identity.NewJudge(options())
			j.SetTrust(trust(t, bundle(ca), nil, nil))
			j.SetMappings(tc.mappings)
			got, err := j.Allow(tc.proof, tc.claimed)
			if tc.given.Namespace == "" {
				if err == nil || !strings.Contains(err.Error(), tc.says) || got.Group.Key != "" {
					t.Errorf("got %+v, %v, want a refusal that says %q", got, err, tc.says)
				}
				return
			}
			tc.given.Locality = "r/z"
			if want := node.Of(tc.given); err != nil || got.Group.Key != want.Key || got.ID != tc.claimed.ID || !maps.Equal(got.Group.Gateway.Labels, want.Gateway.Labels) {
				t.Errorf("got %+v, %v, want %s", got, err, want.Key)
			}
		})
	}
}

// TestWhoProvesNothing holds what connections without certificates may be.
func TestWhoProvesNothing(t *testing.T) {
	user := &identity.User{UID: 101, PID: 42}
	none, some := []model.GatewayIdentity{}, []model.GatewayIdentity{mapping(model.AtMost, principals(edge1))}
	ofUser := []model.GatewayIdentity{mapping(model.AtMost, func(m *model.GatewayIdentity) { m.UIDs = []uint32{101} })}
	for name, tc := range map[string]struct {
		mappings   []model.GatewayIdentity
		require    bool
		proof      identity.Proof
		kind, says string
	}{
		"loopback":                      {none, false, identity.Proof{Transport: identity.Loopback}, "", ""},
		"plain":                         {none, false, identity.Proof{Transport: identity.Plain}, "", ""},
		"unix":                          {none, false, identity.Proof{Transport: identity.Unix, User: user}, "", ""},
		"loopback, required":            {none, true, identity.Proof{Transport: identity.Loopback}, "identity", "--require-identity"},
		"unix, required":                {none, true, identity.Proof{Transport: identity.Unix, User: user}, "identity", "uid 101 (pid 42)"},
		"loopback, a mapping":           {some, false, identity.Proof{Transport: identity.Loopback}, "identity", "proves nothing"},
		"plain, a mapping":              {some, false, identity.Proof{Transport: identity.Plain}, "identity", "proves nothing"},
		"unix, another's mapping":       {some, false, identity.Proof{Transport: identity.Unix, User: user}, "identity", "which no GatewayIdentity lists"},
		"unix, mapped":                  {ofUser, true, identity.Proof{Transport: identity.Unix, User: user}, "", ""},
		"unix, the user is not known":   {ofUser, false, identity.Proof{Transport: identity.Unix}, "identity", "proves nothing"},
		"loopback is no user":           {ofUser, false, identity.Proof{Transport: identity.Loopback, User: user}, "identity", "proves nothing"},
		"loopback, not known":           {nil, false, identity.Proof{Transport: identity.Loopback}, "", ""},
		"unix, not known":               {nil, false, identity.Proof{Transport: identity.Unix, User: user}, "", ""},
		"plain, not known":              {nil, false, identity.Proof{Transport: identity.Plain}, "mapping", "no mapping is known yet"},
		"loopback, required, not known": {nil, true, identity.Proof{Transport: identity.Loopback}, "mapping", "no mapping is known yet"},
		"tls without certificates":      {none, false, identity.Proof{Transport: identity.TLS}, "certificate", "shows no certificate"},
		"another transport":             {none, false, identity.Proof{}, "identity", "not known"},
	} {
		t.Run(name, func(t *testing.T) {
			o := options()
			o.Require = tc.require
			j := identity.NewJudge(o)
			j.SetTrust(trust(t, bundle(newAuthority(t, "one")), nil, nil))
			if tc.mappings != nil {
				j.SetMappings(tc.mappings)
			}
			got, err := j.Allow(tc.proof, claim("edge", "any", labels{"tier": "a"}))
			if tc.kind != "" {
				refused(t, err, tc.kind, tc.says)
				return
			}
			if err != nil || got.Group.Key != claim("edge", "any", labels{"tier": "a"}).Group.Key {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

// TestAUserIsHeldToItsMapping holds that a mapped user may claim no more than that.
func TestAUserIsHeldToItsMapping(t *testing.T) {
	j := identity.NewJudge(options())
	j.SetMappings([]model.GatewayIdentity{mapping(model.AtMost, func(m *model.GatewayIdentity) { m.UIDs = []uint32{101} })})
	_, err := j.Allow(identity.Proof{Transport: identity.Unix, User: &identity.User{UID: 101, PID: 42}}, claim("other", "any", nil))
	refused(t, err, "identity", "the process at the other end of the socket is of uid 101 (pid 42), which may be at most in namespace edge")
}

// TestBeforeAMappingIsKnownNoCertificateCounts holds that it is waited for.
func TestBeforeAMappingIsKnownNoCertificateCounts(t *testing.T) {
	ca := newAuthority(t, "one")
	j := identity.NewJudge(options())
	_, err := j.Allow(proof(ca.issue(edge1)), claim("edge", "edge-1", nil))
	refused(t, err, "certificate", "--xds-client-ca")
	j.SetTrust(trust(t, bundle(ca), nil, nil))
	_, err = j.Allow(proof(ca.issue(edge1)), claim("edge", "edge-1", nil))
	refused(t, err, "mapping", "no mapping is known yet")
}

// TestWhoWatchesMissesNoChange holds that the watchers are told of what changes what is allowed, when it is in
// force already, and of nothing else.
func TestWhoWatchesMissesNoChange(t *testing.T) {
	ca := newAuthority(t, "one")
	j := identity.NewJudge(options())
	var kinds []string
	stop := j.Watch(func() {
		kind := "allowed"
		if _, err := j.Allow(proof(ca.issue(edge1)), claim("edge", "edge-1", nil)); err != nil {
			var r *identity.Refusal
			errors.As(err, &r)
			kind = r.Kind
		}
		kinds = append(kinds, kind)
	})
	moved := mapping(model.Exactly, principals(edge1))
	moved.Origin.Line = 99
	j.SetTrust(trust(t, bundle(ca), nil, nil))
	j.SetMappings(nil)
	j.SetMappings([]model.GatewayIdentity{})
	j.SetMappings([]model.GatewayIdentity{mapping(model.Exactly, principals(edge1))})
	j.SetMappings([]model.GatewayIdentity{moved})
	j.SetTrust(trust(t, bundle(newAuthority(t, "two")), nil, nil))
	stop()
	j.SetTrust(trust(t, bundle(ca), nil, nil))
	if got := strings.Join(kinds, " "); got != "mapping allowed identity certificate" {
		t.Errorf("told of %s", got)
	}
	_, err := j.Allow(proof(ca.issue(edge1)), claim("edge", "edge-1", nil))
	refused(t, err, "identity", "ids.yaml:99:1")
}
