package resource

import "hash/fnv"

// seen is the objects that came up, by key. Most of them are asked about again with every edit, so that they are found
// by hashes of keys, which were worked out when they were decoded.
type seen struct {
	byHash map[uint64]*Object
	// others are the objects of which another key has the same hash.
	others map[Key]*Object
}

func newSeen(n int) seen {
	return seen{byHash: make(map[uint64]*Object, n), others: map[Key]*Object{}}
}

// before returns the object with the same key that came up first, or takes this one for that and returns nil.
func (s seen) before(o *Object) *Object {
	first := s.byHash[o.hash]
	switch {
	case first == nil:
		s.byHash[o.hash] = o
		return nil
	case first.resource.Key == o.resource.Key:
		return first
	}
	if other := s.others[o.resource.Key]; other != nil {
		return other
	}
	s.others[o.resource.Key] = o
	return nil
}

func hashOf(k Key) uint64 {
	h := fnv.New64a()
	for _, part := range []string{string(k.Kind), k.Namespace, k.Name} {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	return h.Sum64()
}
