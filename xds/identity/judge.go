package identity

import (
	"crypto/x509"
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
	Now     func() time.Time
}

// Judge says what a gateway may be. It is safe for concurrent use.
type Judge struct{ options Options }

// NewJudge returns a judge that knows no mappings and no authorities yet.
func NewJudge(o Options) *Judge { return &Judge{options: o} }

// SetMappings makes these the mappings, and has every open stream judged anew. Until it is called first the mappings are not known.
func (j *Judge) SetMappings([]model.GatewayIdentity) {}

// SetTrust makes this what certificates are verified with, and has every open stream judged anew.
func (j *Judge) SetTrust(*Trust) {}

// Verify verifies the certificates of a peer during the handshake. It fails closed: without trust nobody passes.
func (j *Judge) Verify([]*x509.Certificate) error { return nil }

// Allow returns the gateway as it is served: what its node claims, where its proof allows that, or
// what it is given instead. The error is a *Refusal. It fails closed.
func (j *Judge) Allow(_ Proof, claimed node.Identity) (node.Identity, error) { return claimed, nil }

// Trust is what certificates of gateways are verified with. It is immutable.
type Trust struct{}

// NewTrust reads authorities (PEM), lists of revoked certificates (PEM or DER, each signed by one of
// the authorities) and revoked serial numbers (hexadecimal, a line each, # begins a comment).
// An error says which of them is wrong and why; nothing is taken of any then.
func NewTrust(authorities, revoked, serials []byte) (*Trust, error) { return &Trust{}, nil }

// Pool returns the authorities, for a TLS configuration to name to clients.
func (t *Trust) Pool() *x509.CertPool { return x509.NewCertPool() }

// Refusal says why a gateway is not served.
type Refusal struct {
	// Kind is one of a few words, for the metric: identity, certificate, revoked, mapping.
	Kind string
	// Reason is for the operator and for the gateway's log. It is bounded and tells nothing about other gateways.
	Reason string
}

// Error implements error.
func (r *Refusal) Error() string { return r.Reason }
