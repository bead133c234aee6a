package optimize

import (
	"bytes"
	"iter"
	"slices"

	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
)

// literal is a key of an index that some atom can be found by.
type literal struct {
	key  string
	hash uint64
	// shared is how many atoms can be found by it, counted in one run.
	shared int
	run    uint64
}

// place is an atom under a key.
type place struct {
	*literal
	*leaf
	// index is the position of its index in the store, hash that of its literal.
	index int
	hash  uint64
	// bucket is where it was encoded last.
	bucket *bucket
}

// leaf decides, where what its atom asks holds beyond the key.
type leaf struct {
	// rule and position say which atom of which rule it is: leaves of one key are asked in this order.
	rule     string
	position int
	// asks says that something is left to be asked. encoded is then a FieldMatcher, or else an OnMatch.
	asks    bool
	encoded []byte
	// asksPath says that the state of the path has to be there.
	asksPath bool
}

// way places an atom by the alternatives of one of its conditions. It is false where one of these can be found by no
// index: all of them have to be, or the atom would be missed. So must a matcher be able to say the rest, and there must be room.
func (m *maker) way(rule string, position int, alternatives, others []condition, find func(condition) (key, bool)) (way, bool) {
	var out way
	var exact *leaf
	room := m.room(len(alternatives))
	for _, alternative := range alternatives {
		k, ok := find(alternative)
		if !ok || len(out.places) >= maxPlaces {
			return way{}, false
		}
		l := exact
		if len(k.rest) > 0 || l == nil {
			if l = m.leaf(rule, position, slices.Concat(k.rest, others)); l == nil {
				return way{}, false
			}
		}
		if len(k.rest) == 0 {
			exact = l
		}
		if room -= len(l.encoded); room < 0 {
			return way{}, false
		}
		lit := m.store.literal(k)
		out.places = append(out.places, &place{literal: lit, leaf: l, index: m.store.position(k.by), hash: lit.hash})
	}
	return out, true
}

// find returns a key of the first index by which a condition can be found.
func (m *maker) find(c condition) (key, bool) {
	if k, ok := findBy(slices.Values(m.indexes), c); ok {
		return k, true
	}
	return m.findPart(c)
}

// findLast returns a key of the last index by which a condition can be found: where many share what the first finds it by,
// that is the better one.
func (m *maker) findLast(c condition) (key, bool) {
	return findBy(func(yield func(*index) bool) {
		for _, x := range slices.Backward(m.indexes) {
			if !yield(x) {
				return
			}
		}
	}, c)
}

func findBy(indexes iter.Seq[*index], c condition) (key, bool) {
	for x := range indexes {
		if k, ok := x.find(c); ok {
			if k.by == nil {
				k.by = x
			}
			return k, true
		}
	}
	return key{}, false
}

// findPart returns a key by which one part of an AND can be found; what its other parts ask remains. The last one is
// taken that can be: the subject of a token, and not its issuer.
func (m *maker) findPart(c condition) (key, bool) {
	parts, _ := c.and()
	for i, part := range slices.Backward(parts) {
		if k, ok := m.find(part); ok {
			k.rest = slices.Concat(k.rest, parts[:i], parts[i+1:])
			return k, true
		}
	}
	return key{}, false
}

// foundTwice reports whether more than one index finds a condition.
func (m *maker) foundTwice(c condition) bool {
	n := 0
	for _, x := range m.indexes {
		if _, ok := x.find(c); ok {
			n++
		}
	}
	return n > 1
}

// leaf returns the leaf that asks for all of the conditions, or nil where a matcher cannot say them, or too deep.
func (m *maker) leaf(rule string, position int, asks []condition) *leaf {
	onMatch := decides(rule, m.action)
	if len(asks) == 0 {
		return &leaf{rule: rule, position: position, encoded: marshal(onMatch)}
	}
	p, ok := all(asks)
	if !ok || depthOf(p) > maxDepth {
		return nil
	}
	encoded := marshal(&fieldMatcher{Predicate: p, OnMatch: onMatch})
	return &leaf{rule: rule, position: position, asks: true, encoded: encoded, asksPath: bytes.Contains(encoded, []byte(pathState().key))}
}

// maker makes atoms of the rules of one action.
type maker struct {
	store   *store
	indexes []*index
	action  rbacv3.RBAC_Action
	// said is what an atom takes that is said whole, of the rule that is being read, and pairs how many atoms this has.
	said, pairs int
	// counted is how many atoms can be found by each index of the store; chosen are those that may be used.
	counted []int
	chosen  []bool
}
