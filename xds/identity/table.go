package identity

import (
	"slices"
	"strings"

	"github.com/spiffe/go-spiffe/v2/spiffeid"

	"github.com/portreeve/portreeve/translate/model"
)

// table finds the mapping of an identity. It is immutable.
type table struct {
	all []model.GatewayIdentity
	// principals are by SPIFFE ID, below by what stands before /*.
	principals, below, dnsNames map[string]*model.GatewayIdentity
	uids                        map[uint32]*model.GatewayIdentity
}

func newTable(mappings []model.GatewayIdentity) *table {
	t := &table{
		all: slices.Clone(mappings), principals: map[string]*model.GatewayIdentity{}, below: map[string]*model.GatewayIdentity{},
		dnsNames: map[string]*model.GatewayIdentity{}, uids: map[uint32]*model.GatewayIdentity{},
	}
	for i := range t.all {
		m := &t.all[i]
		for _, principal := range m.Principals {
			if prefix, ok := strings.CutSuffix(principal, "/*"); ok {
				t.below[prefix] = m
				continue
			}
			t.principals[principal] = m
		}
		for _, name := range m.DNSNames {
			t.dnsNames[name] = m
		}
		for _, uid := range m.UIDs {
			t.uids[uid] = m
		}
	}
	return t
}

// same reports whether two tables grant the same; where it is written may differ.
func (t *table) same(other *table) bool {
	return slices.EqualFunc(t.all, other.all, func(a, b model.GatewayIdentity) bool {
		a.Origin = b.Origin
		return a.Same(b)
	})
}

// principal returns the most specific mapping of an ID, or nil.
func (t *table) principal(id spiffeid.ID) *model.GatewayIdentity {
	if id.IsZero() {
		return nil
	}
	if m, ok := t.principals[id.String()]; ok {
		return m
	}
	domain := id.TrustDomain().IDString()
	for prefix := id.String(); len(prefix) > len(domain); {
		prefix = prefix[:strings.LastIndexByte(prefix, '/')]
		if m, ok := t.below[prefix]; ok {
			return m
		}
	}
	return nil
}

// dns returns the mapping of the DNS names of one certificate, or nil. Names that lead to two are
// refused: which of them was meant nobody can say.
func (t *table) dns(names []string) (*model.GatewayIdentity, error) {
	var found *model.GatewayIdentity
	for _, name := range names {
		m, ok := t.dnsNames[strings.ToLower(name)]
		if ok && found != nil && m != found {
			return nil, refusef(ofIdentity, "the DNS names of the certificate lead to two GatewayIdentity objects, %s and %s: leave one", found.Origin, m.Origin)
		}
		if ok {
			found = m
		}
	}
	return found, nil
}
