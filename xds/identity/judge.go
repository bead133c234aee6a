package identity

import (
	"crypto/x509"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"

	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/xds/node"
)

// Options are what a judge works with.
type Options struct {
	// TrustDomains are those whose SPIFFE IDs count. At least one.
	TrustDomains []spiffeid.TrustDomain
	// Require refuses connections that prove nothing, also where there is no mapping.
	Require bool
	// Now tells the time; nil is the machine's.
	Now func() time.Time
}

// Judge says what a gateway may be. It is safe for concurrent use.
type Judge struct {
	options Options
	rules   atomic.Pointer[rules]

	// mu is held while the rules are changed, never while a watcher is called.
	mu       sync.Mutex
	watchers map[*watcher]struct{}
}

// rules are what a judge goes by at one moment. They are immutable. Without mappings they are not
// known, without trust no certificate passes.
type rules struct {
	mappings *table
	trust    *Trust
}

// watcher is told of changes.
type watcher struct{ changed func() }

// NewJudge returns a judge that knows no mappings and no authorities yet.
func NewJudge(o Options) *Judge {
	if o.Now == nil {
		o.Now = time.Now
	}
	j := &Judge{options: o, watchers: map[*watcher]struct{}{}}
	j.rules.Store(&rules{})
	return j
}

// SetMappings makes these the mappings, and has every open stream judged anew before it returns, where they
// are others than before. Until it is called first the mappings are not known.
func (j *Judge) SetMappings(mappings []model.GatewayIdentity) {
	j.change(func(r *rules) bool {
		before := r.mappings
		r.mappings = newTable(mappings)
		return before == nil || !before.same(r.mappings)
	})
}

// SetTrust makes this what certificates are verified with, and has every open stream judged anew before it returns.
func (j *Judge) SetTrust(t *Trust) {
	j.change(func(r *rules) bool {
		r.trust = t
		return true
	})
}

// change makes an edit of the rules and tells of it where it says so.
func (j *Judge) change(edit func(*rules) bool) {
	j.mu.Lock()
	next := *j.rules.Load()
	tell := edit(&next)
	j.rules.Store(&next)
	watchers := slices.Collect(maps.Keys(j.watchers))
	j.mu.Unlock()
	if !tell {
		return
	}
	for _, w := range watchers {
		w.changed()
	}
}

// Watch has changed called after every change of what Allow answers and before whoever made the change
// goes on, so it must not wait. Who watches first and asks Allow then misses no change. After stop one
// call may still come.
func (j *Judge) Watch(changed func()) (stop func()) {
	w := &watcher{changed}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.watchers[w] = struct{}{}
	return func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		delete(j.watchers, w)
	}
}

// Verify verifies the certificates of a peer during the handshake. The error is a *Refusal. It fails
// closed: without trust nobody passes.
func (j *Judge) Verify(certificates []*x509.Certificate) error {
	return j.rules.Load().trust.verify(certificates, j.options.Now())
}

// Allow returns the gateway as it is served: what its node claims, where its proof allows that, or
// what it is given instead. The error is a *Refusal. It fails closed.
func (j *Judge) Allow(p Proof, claimed node.Identity) (node.Identity, error) {
	rules := j.rules.Load()
	switch p.Transport {
	case TLS:
		return j.certified(rules, p, claimed)
	case Unix, Loopback, Plain:
		return j.uncertified(rules, p, claimed)
	default:
		return node.Identity{}, refusef(ofIdentity, "the connection came in a way that is not known")
	}
}

// certified judges a gateway that has shown certificates. They were verified when the connection was made,
// but time has gone on since then, and authorities and revocations may be others.
func (j *Judge) certified(r *rules, p Proof, claimed node.Identity) (node.Identity, error) {
	if err := r.trust.verify(p.Certificates, j.options.Now()); err != nil {
		return node.Identity{}, err
	}
	if r.mappings == nil {
		return node.Identity{}, notKnown()
	}
	right, err := j.rightOf(r.mappings, p.Certificates[0])
	if err != nil {
		return node.Identity{}, err
	}
	return right.take(claimed)
}

// uncertified judges a gateway without certificates. Only a user of this machine can have a mapping.
func (j *Judge) uncertified(r *rules, p Proof, claimed node.Identity) (node.Identity, error) {
	if p.Transport == Unix && p.User != nil && r.mappings != nil {
		if m, ok := r.mappings.uids[p.User.UID]; ok {
			return mapped(m, "the process at the other end of the socket is of "+p.User.String(), "").take(claimed)
		}
	}
	switch {
	case r.mappings == nil && (j.options.Require || p.Transport == Plain):
		// Who comes from elsewhere waits until it is known that no mapping forbids it.
		return node.Identity{}, notKnown()
	case r.mappings != nil && len(r.mappings.all) > 0:
		return node.Identity{}, unproved(p, "there are GatewayIdentity objects, so that counts")
	case j.options.Require:
		return node.Identity{}, unproved(p, "--require-identity asks for that")
	default:
		return claimed, nil
	}
}

// rightOf returns what the owner of a verified certificate may be. The more specific mapping wins: of its
// SPIFFE ID, of the longest prefix of that, of its DNS names; without one it is what its ID says.
func (j *Judge) rightOf(t *table, leaf *x509.Certificate) (right, error) {
	id, err := j.idOf(leaf)
	if err != nil {
		return right{}, err
	}
	namespace, name := gatewayOf(id)
	who := "the certificate is of " + subjectOf(leaf)
	if m := t.principal(id); m != nil {
		return mapped(m, who, name), nil
	}
	switch m, err := t.dns(leaf.DNSNames); {
	case err != nil:
		return right{}, err
	case m != nil:
		return mapped(m, who, name), nil
	case name == "":
		return right{}, refusef(ofCertificate, "%s, which names no gateway and which no GatewayIdentity lists: add one, or issue a certificate of spiffe://%s/ns/NAMESPACE/gateway/NAME",
			who, j.options.trustDomain())
	default:
		return right{grant: model.Exactly, gateway: model.Gateway{Namespace: namespace}, name: name, who: who}, nil
	}
}

// trustDomain is one that counts, for messages.
func (o Options) trustDomain() string {
	if len(o.TrustDomains) == 0 {
		return "TRUST-DOMAIN"
	}
	return o.TrustDomains[0].Name()
}
