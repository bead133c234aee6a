package optimize

import (
	"slices"

	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
)

// Before values are folded, what alternatives share is asked once: principals of tokens are an issuer and a subject each.
//
//	or(and(issuer X, subject a), and(issuer X, subject b), …)  →  and(issuer X, or(subject a, subject b, …))
//
// Equal, because AND distributes over OR, and no matcher does anything but answer. Where the alternatives share too little, what each of
// them implies stands in front, which is false for most requests and changes nothing:
//
//	or(and(issuer A, subject a), and(issuer B, subject b), …)  →  and(or(subject a, subject b, …), or(and(issuer A, subject a), …))

// factored returns alternatives that ask once for what several share, or the same ones. Fewer than least stay.
func factored(ids []*rbacv3.Principal, least int) []*rbacv3.Principal {
	out := make([]*rbacv3.Principal, 0, len(ids))
	for _, id := range ids {
		out = append(out, factoredBelow(id, least))
	}
	if shared, ok := sharedParts(out, least); ok {
		return shared
	}
	if slices.Equal(out, ids) {
		return ids
	}
	return out
}

// factoredBelow factors each OR in a principal. It returns the same principal where there is none to factor.
func factoredBelow(p *rbacv3.Principal, least int) *rbacv3.Principal {
	switch of := p.GetIdentifier().(type) {
	case *rbacv3.Principal_AndIds:
		if ids, some := mapped(of.AndIds.GetIds(), func(id *rbacv3.Principal) *rbacv3.Principal { return factoredBelow(id, least) }); some {
			return allIDs(ids)
		}
	case *rbacv3.Principal_OrIds:
		if ids := factored(of.OrIds.GetIds(), least); !slices.Equal(ids, of.OrIds.GetIds()) {
			return anyID(ids)
		}
	case *rbacv3.Principal_NotId:
		if id := factoredBelow(of.NotId, least); id != of.NotId {
			return &rbacv3.Principal{Identifier: &rbacv3.Principal_NotId{NotId: id}}
		}
	}
	return p
}

// allIDs is the AND of principals; of one it is that one.
func allIDs(ids []*rbacv3.Principal) *rbacv3.Principal {
	if len(ids) == 1 {
		return ids[0]
	}
	return &rbacv3.Principal{Identifier: &rbacv3.Principal_AndIds{AndIds: &rbacv3.Principal_Set{Ids: ids}}}
}

// anyID is the OR of principals; of one it is that one.
func anyID(ids []*rbacv3.Principal) *rbacv3.Principal {
	if len(ids) == 1 {
		return ids[0]
	}
	return &rbacv3.Principal{Identifier: &rbacv3.Principal_OrIds{OrIds: &rbacv3.Principal_Set{Ids: ids}}}
}

// sharedParts factors alternatives that are ANDs of two, by the part of which fewer are different. It is false where some are not.
func sharedParts(ids []*rbacv3.Principal, least int) ([]*rbacv3.Principal, bool) {
	if len(ids) < least {
		return nil, false
	}
	var by [2]partition
	for _, id := range ids {
		parts := pair(id)
		if len(parts) != 2 {
			return nil, false
		}
		by[0].add(parts[0], parts[1])
		by[1].add(parts[1], parts[0])
	}
	few, other := &by[0], &by[1]
	if len(other.shared) < len(few.shared) {
		few, other = other, few
	}
	out := make([]*rbacv3.Principal, 0, len(few.shared))
	for i, shared := range few.shared {
		out = append(out, allIDs([]*rbacv3.Principal{shared, anyID(few.rest[i])}))
	}
	if len(out) < least {
		return out, true
	}
	return []*rbacv3.Principal{allIDs([]*rbacv3.Principal{anyID(other.shared), anyID(out)})}, true
}

// pair returns the parts of an AND; an AND of one is what is in it.
func pair(p *rbacv3.Principal) []*rbacv3.Principal {
	parts := p.GetAndIds().GetIds()
	for len(parts) == 1 {
		parts = parts[0].GetAndIds().GetIds()
	}
	return parts
}

// partition holds alternatives by a part that they share, in the order in which they came.
type partition struct {
	// shared are the parts that are different; rest is for each of them what else its alternatives ask.
	shared []*rbacv3.Principal
	rest   [][]*rbacv3.Principal
	at     map[string]int
}

func (p *partition) add(part, rest *rbacv3.Principal) {
	if p.at == nil {
		p.at = map[string]int{}
	}
	key := string(marshal(part))
	i, ok := p.at[key]
	if !ok {
		i = len(p.shared)
		p.at[key] = i
		p.shared, p.rest = append(p.shared, part), append(p.rest, nil)
	}
	p.rest[i] = append(p.rest[i], rest)
}
