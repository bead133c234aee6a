package identity_test

import (
	"crypto/x509"
	"net/url"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/xds/identity"
	"github.com/portreeve/portreeve/xds/node"
)

// draw takes choices out of bytes; when they are used up it takes the first of each.
type draw struct{ left []byte }

func (d *draw) of(n int) int {
	if len(d.left) == 0 {
		return 0
	}
	b := d.left[0]
	d.left = d.left[1:]
	return int(b) % n
}

func one[T any](d *draw, from ...T) T { return from[d.of(len(from))] }

// some draws up to three, each once.
func some[T any](d *draw, from ...T) []T {
	var out []T
	for set := d.of(1 << len(from)); len(from) > 0; from, set = from[1:], set>>1 {
		if set&1 == 1 && len(out) < 3 {
			out = append(out, from[0])
		}
	}
	return out
}

func (d *draw) labels() labels {
	out := labels{}
	for _, pair := range some(d, "a=1", "a=2", "b=1", "c=") {
		key, value, _ := strings.Cut(pair, "=")
		out[key] = value
	}
	return out
}

func (d *draw) id() string {
	return one(d, "", "spiffe://cluster.local/ns/", "spiffe://two.example/ns/", "spiffe://other/ns/", "https://cluster.local/ns/") +
		one(d, "edge", "other") + one(d, "/gateway/", "/sa/") + one(d, "one", "two", "one/more")
}

// mapping draws one that gives no identity twice.
func (d *draw) mapping(seen map[any]bool) model.GatewayIdentity {
	m := model.GatewayIdentity{
		Grant:   one(d, model.Exactly, model.AtMost, model.Assign, model.Grant("")),
		Gateway: model.Gateway{Namespace: one(d, "edge", "other"), Labels: d.labels()},
	}
	for _, p := range some(d, d.id(), "spiffe://cluster.local/*", "spiffe://cluster.local/ns/edge/*", "spiffe://cluster.local/ns/edge/gateway/*", "spiffe://other/*") {
		if !seen[p] && strings.HasPrefix(p, "spiffe://") {
			m.Principals = append(m.Principals, p)
		}
		seen[p] = true
	}
	for _, n := range some(d, "x.example", "y.example") {
		if !seen[n] {
			m.DNSNames = append(m.DNSNames, n)
		}
		seen[n] = true
	}
	for _, u := range some(d, uint32(0), uint32(101)) {
		if !seen[u] {
			m.UIDs = append(m.UIDs, u)
		}
		seen[u] = true
	}
	return m
}

// shown is what a peer proves, as values that the oracle reads.
type shown struct {
	transport identity.Transport
	ids, dns  []string
	uid       int // -1 is not known
}

func (d *draw) shown() shown {
	s := shown{transport: one(d, identity.TLS, identity.TLS, identity.TLS, identity.Unix, identity.Loopback, identity.Plain), uid: one(d, -1, 0, 101, 7)}
	for range one(d, 1, 1, 1, 0, 2) {
		if id := d.id(); strings.Contains(id, "://") {
			s.ids = append(s.ids, id)
		}
	}
	s.dns = some(d, "x.example", "Y.example", "*.example")
	return s
}

// world is one case: mappings, which may not be known, a peer and what its node claims.
type world struct {
	mappings       []model.GatewayIdentity
	known, require bool
	peer           shown
	claimed        node.Identity
}

func (d *draw) world() world {
	w := world{known: d.of(8) != 1, require: d.of(4) == 1}
	seen := map[any]bool{}
	for range d.of(4) {
		w.mappings = append(w.mappings, d.mapping(seen))
	}
	w.peer = d.shown()
	w.claimed = claim(one(d, "edge", "other"), one(d, "one", "two", "three"), d.labels())
	return w
}

// permits is the oracle: whether a node may be served as a gateway. It asks every rule of its own, one
// after the other, and shares nothing with what it is held against.
func (w world) permits(as model.Gateway) bool {
	if !w.known {
		return !w.require && (w.peer.transport == identity.Loopback || w.peer.transport == identity.Unix) && w.is(as)
	}
	if w.peer.transport != identity.TLS {
		if w.peer.transport == identity.Unix && w.peer.uid >= 0 {
			for _, m := range w.mappings {
				for _, u := range m.UIDs {
					if int(u) == w.peer.uid {
						return w.granted(m, "", as)
					}
				}
			}
		}
		return !w.require && len(w.mappings) == 0 && w.is(as)
	}
	namespace, name, ok := w.named()
	if !ok {
		return false
	}
	if m := w.best(); m != nil {
		return w.granted(*m, name, as)
	}
	return name != "" && w.claimed.Name == name && as.Namespace == namespace && len(as.Labels) == 0 && w.is(as)
}

// named reads the only ID; false where it does not count.
func (w world) named() (namespace, name string, ok bool) {
	if len(w.peer.ids) == 0 {
		return "", "", true
	}
	rest, local := strings.CutPrefix(w.peer.ids[0], "spiffe://cluster.local/ns/")
	if !local {
		rest, local = strings.CutPrefix(w.peer.ids[0], "spiffe://two.example/ns/")
	}
	if !local || len(w.peer.ids) > 1 {
		return "", "", false
	}
	if parts := strings.Split(rest, "/"); len(parts) == 3 && parts[1] == "gateway" {
		return parts[0], parts[2], true
	}
	return "", "", true
}

// best returns the mapping that counts: that of the longest principal that fits, else that of all DNS
// names. Where these are of two it is one that grants nothing.
func (w world) best() *model.GatewayIdentity {
	var out *model.GatewayIdentity
	length := -1
	for i, m := range w.mappings {
		for _, p := range m.Principals {
			prefix, below := strings.CutSuffix(p, "*")
			fits := len(w.peer.ids) == 1 && (w.peer.ids[0] == p || below && strings.HasPrefix(w.peer.ids[0], prefix))
			if rank := len(prefix); fits && rank > length {
				out, length = &w.mappings[i], rank
			}
		}
	}
	if out != nil {
		return out
	}
	for i, m := range w.mappings {
		for _, n := range m.DNSNames {
			for _, has := range w.peer.dns {
				if !strings.EqualFold(has, n) {
					continue
				}
				if out != nil && out != &w.mappings[i] {
					return &model.GatewayIdentity{}
				}
				out = &w.mappings[i]
			}
		}
	}
	return out
}

func (w world) granted(m model.GatewayIdentity, name string, as model.Gateway) bool {
	if m.Grant == model.Assign {
		return equal(as, m.Gateway)
	}
	if name != "" && w.claimed.Name != name || as.Namespace != m.Gateway.Namespace || !w.is(as) {
		return false
	}
	switch m.Grant {
	case model.Exactly:
		return equal(as, m.Gateway)
	case model.AtMost:
		for k, v := range as.Labels {
			if has, ok := m.Gateway.Labels[k]; !ok || has != v {
				return false
			}
		}
		return true
	default:
		return false
	}
}

func (w world) is(as model.Gateway) bool { return equal(as, w.claimed.Group.Gateway) }

func equal(a, b model.Gateway) bool {
	if a.Namespace != b.Namespace || len(a.Labels) != len(b.Labels) {
		return false
	}
	for k, v := range a.Labels {
		if has, ok := b.Labels[k]; !ok || has != v {
			return false
		}
	}
	return true
}

// bench has a certificate for each peer, made once.
type bench struct {
	ca    *authority
	trust *identity.Trust
	made  map[string]*x509.Certificate
}

func (b *bench) proof(t testing.TB, s shown) identity.Proof {
	p := identity.Proof{Transport: s.transport}
	if s.uid >= 0 {
		p.User = &identity.User{UID: uint32(s.uid)}
	}
	if s.transport != identity.TLS {
		return p
	}
	key := strings.Join(s.ids, " ") + "|" + strings.Join(s.dns, " ")
	if b.ca.t = t; b.made[key] == nil {
		b.made[key] = b.ca.issue("", func(c *x509.Certificate) {
			c.DNSNames, c.URIs = s.dns, make([]*url.URL, 0, len(s.ids))
			for _, id := range s.ids {
				c.URIs = append(c.URIs, uri(t, id))
			}
		})
	}
	p.Certificates = []*x509.Certificate{b.made[key]}
	return p
}

// newBench returns a bench whose authority is trusted.
func newBench(t testing.TB) *bench {
	ca := newAuthority(t, "one")
	return &bench{ca: ca, trust: trust(t, bundle(ca), nil, nil), made: map[string]*x509.Certificate{}}
}

// cases are bytes to draw from, always the same.
func cases(n int) [][]byte {
	out, state := make([][]byte, n), uint32(1)
	for i := range out {
		out[i] = make([]byte, 40)
		for j := range out[i] {
			state = state*1664525 + 1013904223
			out[i][j] = byte(state >> 24)
		}
	}
	return out
}

// TestAllowIsWhatTheIdentityPermits tries many worlds in every run of the tests.
func TestAllowIsWhatTheIdentityPermits(t *testing.T) {
	b := newBench(t)
	for _, bytes := range cases(4000) {
		b.judges(t, bytes)
	}
}

// FuzzAllow holds that no node is ever served as a gateway that its identity does not allow, and that what
// is allowed is not refused, whatever is claimed, proved and mapped.
func FuzzAllow(f *testing.F) {
	b := newBench(f)
	for _, bytes := range cases(50) {
		f.Add(bytes)
	}
	f.Fuzz(b.judges)
}

// judges holds one world against the oracle.
func (b *bench) judges(t *testing.T, bytes []byte) {
	w := (&draw{bytes}).world()
	o := options()
	o.Require, o.TrustDomains = w.require, domains("cluster.local", "two.example")
	j := identity.NewJudge(o)
	j.SetTrust(b.trust)
	if w.known {
		j.SetMappings(w.mappings)
	}
	got, err := j.Allow(b.proof(t, w.peer), w.claimed)
	switch {
	case err == nil && !w.permits(got.Group.Gateway):
		t.Fatalf("%+v is served as %s", w, got.Group.Key)
	case err == nil && got.Group.Key != node.Of(got.Group.Gateway).Key:
		t.Fatalf("the group %s is not its own", got.Group.Key)
	case err == nil:
	case got.Group.Key != "":
		t.Fatalf("it is refused and given %s", got.Group.Key)
	case w.permits(w.claimed.Group.Gateway):
		t.Fatalf("%+v is refused: %v", w, err)
	}
}
