package model

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
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
	// Revision stands for the rules that name the source, their policies' names included:
	// another one says that such a rule has changed, and that it is time to ask again.
	Revision string
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
	found := map[KeySource]*KeyRequest{}
	naming := map[KeySource][]string{}
	for _, policies := range m.policies[resource.RequestAuthentication] {
		for _, p := range policies {
			m.settings.KeyFetch.rules(p.Resource, func(source KeySource, rule *securityv1beta1.JWTRule) {
				if found[source] == nil {
					found[source] = &KeyRequest{KeySource: source}
				}
				found[source].Timeout = max(found[source].Timeout, rule.GetTimeout().AsDuration())
				naming[source] = append(naming[source], revisionOf(p.Key, rule))
			})
		}
	}
	out := make([]KeyRequest, 0, len(found))
	for source, request := range found {
		request.Revision = revisionOfAll(naming[source])
		out = append(out, *request)
	}
	slices.SortFunc(out, func(a, b KeyRequest) int { return compareSources(a.KeySource, b.KeySource) })
	return out
}

// KeySourcesFor returns those of the sources of KeyRequests that a gateway's own policy
// names, each once, in order.
func (m *Model) KeySourcesFor(g Gateway) []KeySource {
	var out []KeySource
	for _, p := range m.applying(resource.RequestAuthentication, g, g.Namespace, m.settings.RootNamespace) {
		m.settings.KeyFetch.rules(p, func(source KeySource, _ *securityv1beta1.JWTRule) { out = append(out, source) })
	}
	slices.SortFunc(out, compareSources)
	return slices.Compact(out)
}

// rules visits the rules of a policy whose keys the control plane has to fetch.
func (f KeyFetch) rules(p *resource.Resource, visit func(KeySource, *securityv1beta1.JWTRule)) {
	for _, rule := range p.Spec.(*securityv1beta1.RequestAuthentication).GetJwtRules() {
		source, fetched := KeySourceOf(rule)
		if !fetched || source.URI != "" && f == FetchByGateway {
			continue
		}
		visit(source, rule)
	}
}

func compareSources(a, b KeySource) int {
	return cmp.Or(cmp.Compare(a.URI, b.URI), cmp.Compare(a.Issuer, b.Issuer))
}

// revisionOf stands for a rule as it is written in a policy.
func revisionOf(policy resource.Key, rule *securityv1beta1.JWTRule) string {
	text, err := proto.MarshalOptions{Deterministic: true}.Marshal(rule)
	if err != nil {
		// Text that is no UTF-8, which YAML does not have. Without it a change is not noticed
		// before the next fetch that is due.
		text = nil
	}
	return hashOf(policy.Namespace, policy.Name, string(text))
}

// revisionOfAll stands for rules in whatever order they are found.
func revisionOfAll(rules []string) string {
	slices.Sort(rules)
	return hashOf(rules...)
}

func hashOf(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// WithKeys returns a model that differs in its fetched keys alone. It costs nothing: what
// keys change is rendered by For.
func (m *Model) WithKeys(keys Keys) *Model {
	out := *m
	out.settings.Keys = maps.Clone(keys)
	return &out
}
