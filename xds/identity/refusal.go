package identity

import (
	"fmt"

	"github.com/portreeve/portreeve/xds/node"
)

// The kinds of refusals.
const (
	// ofIdentity: what was proved does not allow what the node claims.
	ofIdentity = "identity"
	// ofCertificate: the certificate is not one of a gateway.
	ofCertificate = "certificate"
	// ofRevoked: the certificate was taken back.
	ofRevoked = "revoked"
	// ofMapping: it is not known yet what was mapped.
	ofMapping = "mapping"
)

// Refusal says why a gateway is not served.
type Refusal struct { //nolint:errname // it is a verdict first
	// Kind is one of a few words, for the metric: identity, certificate, revoked, mapping. Of mapping
	// the same may be allowed in a moment.
	Kind string
	// Reason is for the operator and for the gateway's log. It is bounded and tells nothing about other gateways.
	Reason string
}

// Error implements error.
func (r *Refusal) Error() string { return r.Reason }

// maxReason bounds a reason: it is made of few parts, each of which is cut.
const maxReason = 2 << 10

func refusef(kind, format string, parts ...any) *Refusal {
	reason := fmt.Sprintf(format, parts...)
	if len(reason) > maxReason {
		reason = node.Cut(reason)
	}
	return &Refusal{Kind: kind, Reason: reason}
}

func notKnown() *Refusal {
	return refusef(ofMapping, "no mapping is known yet: the control plane has read no policy since its start that is whole and has no error for every gateway")
}

func unproved(p Proof, why string) *Refusal {
	switch {
	case p.Transport == Unix && p.User != nil:
		return refusef(ofIdentity, "the process at the other end of the socket is of %s, which no GatewayIdentity lists among its uids, and %s", p.User, why)
	default:
		return refusef(ofIdentity, "the connection proves nothing of who the gateway is, and %s: use mutual TLS, or a Unix socket and a GatewayIdentity with the uid of the gateway's Envoy", why)
	}
}
