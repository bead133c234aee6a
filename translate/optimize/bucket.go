package optimize

import (
	"bytes"
	"cmp"
	"math/bits"
	"slices"
	"strings"
)

// bucket is what some places of an index are encoded to.
type bucket struct {
	size    int
	content []byte
}

// content encodes all places of an index, bucket by bucket: by the hash of their key, so that an edit touches those of its
// keys. What it returns depends on the places alone, and not on their order.
func (x *index) content(places []*place) []byte {
	buckets := split(places, x.bucket)
	all := make([][]byte, 0, len(buckets))
	for _, in := range buckets {
		all = append(all, x.encoded(in))
	}
	return bytes.Join(all, nil)
}

// split returns places by the hashes of their keys, about size of them together.
func split(places []*place, size int) [][]*place {
	n := bits.Len(uint(max(0, len(places)-1) / size)) // 2^n buckets
	count := make([]int, 1<<n)
	for _, p := range places {
		count[p.hash>>(64-n)]++
	}
	out, flat := make([][]*place, 1<<n), make([]*place, len(places))
	for i, c := range count {
		out[i], flat = flat[:0:c], flat[c:]
	}
	for _, p := range places {
		i := p.hash >> (64 - n)
		out[i] = append(out[i], p)
	}
	return out
}

// encoded returns what the places of one bucket are encoded to. They are what a bucket was made of where each of them was put
// into that one last, and they are as many.
func (x *index) encoded(in []*place) []byte {
	if len(in) == 0 {
		return nil
	}
	same := in[0].bucket
	for _, p := range in {
		if p.bucket != same {
			same = nil
			break
		}
	}
	if same == nil || same.size != len(in) {
		same = &bucket{size: len(in), content: x.encode(entriesOf(in))}
		for _, p := range in {
			p.bucket = same
		}
	}
	return same.content
}

// entriesOf returns what there is under each key, in the order of keys. Leaves of one key are asked by the names of
// their rules, as Envoy asks rules. Several of one atom, of which each has another of its alternatives, are in no other order than that
// of what they are encoded to: nothing here may depend on the order in which places came.
func entriesOf(places []*place) []entry {
	slices.SortFunc(places, func(a, b *place) int {
		return cmp.Or(strings.Compare(a.key, b.key), strings.Compare(a.rule, b.rule), cmp.Compare(a.position, b.position), bytes.Compare(a.encoded, b.encoded))
	})
	var out []entry
	for len(places) > 0 {
		n := 1
		for n < len(places) && places[n].key == places[0].key {
			n++
		}
		leaves := make([]*leaf, 0, n)
		for _, p := range places[:n] {
			leaves = append(leaves, p.leaf)
		}
		out = append(out, entry{places[0].key, slices.CompactFunc(leaves, (*leaf).same)})
		places = places[n:]
	}
	return out
}

// same reports whether two leaves ask the same for the same rule: one of them is enough.
func (l *leaf) same(o *leaf) bool { return l.rule == o.rule && bytes.Equal(l.encoded, o.encoded) }
