package model

import (
	"cmp"
	"maps"
	"slices"
	"time"

	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/resource"
)

// KeyFetch says who fetches the keys behind a jwksUri.
type KeyFetch uint8

const (
	// FetchByControlPlane hands gateways the keys themselves (Istio's default).
	FetchByControlPlane KeyFetch = iota
	// FetchByGateway hands gateways the address, from which they fetch themselves. The
	// address of an issuer that has to be discovered is discovered by the control plane all the same.
	FetchByGateway
)

// KeySource is where keys come from: an address, or where URI is empty an issuer whose
// OpenID discovery document names the address. Exactly one of the two is set, so equal
// addresses are one source whoever names them.
type KeySource struct {
	Issuer string `json:"issuer,omitempty"`
	URI    string `json:"uri,omitempty"`
}

// KeyRequest is a source whose keys are needed.
type KeyRequest struct {
	KeySource
	// Timeout bounds one fetch: the longest that a rule asks for, or 0 where none does.
	Timeout time.Duration
}

// Keys are fetched keys: JSON Web Key Sets that Envoy accepts.
type Keys map[KeySource]string

// KeySourceOf returns where the keys of a rule come from, and false where the rule holds
// them itself.
func KeySourceOf(rule *securityv1beta1.JWTRule) (KeySource, bool) {
	switch {
	case rule.GetJwks() != "":
		return KeySource{}, false
	case rule.GetJwksUri() != "":
		return KeySource{URI: rule.GetJwksUri()}, true
	default:
		return KeySource{Issuer: rule.GetIssuer()}, true
	}
}

// KeyRequests returns the sources that the control plane has to fetch, each once, in order.
func (m *Model) KeyRequests() []KeyRequest {
	longest := map[KeySource]time.Duration{}
	for _, policies := range m.policies[resource.RequestAuthentication] {
		for _, p := range policies {
			for _, rule := range p.Spec.(*securityv1beta1.RequestAuthentication).GetJwtRules() {
				source, fetched := KeySourceOf(rule)
				if !fetched || source.URI != "" && m.settings.KeyFetch == FetchByGateway {
					continue
				}
				longest[source] = max(longest[source], rule.GetTimeout().AsDuration())
			}
		}
	}
	out := make([]KeyRequest, 0, len(longest))
	for source, timeout := range longest {
		out = append(out, KeyRequest{source, timeout})
	}
	slices.SortFunc(out, func(a, b KeyRequest) int {
		return cmp.Or(cmp.Compare(a.URI, b.URI), cmp.Compare(a.Issuer, b.Issuer))
	})
	return out
}

// WithKeys returns a model that differs in its fetched keys alone. It costs nothing: what
// keys change is rendered by For.
func (m *Model) WithKeys(keys Keys) *Model {
	out := *m
	out.settings.Keys = maps.Clone(keys)
	return &out
}
