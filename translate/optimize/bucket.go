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
	// in is where it stands, if buckets are covered.
	in *cover
}

// cover is what stands in front of some buckets of an index.
type cover struct {
	of   []*bucket
	head []byte
}

// content encodes all places of an index, bucket by bucket: by the hash of their key, so that an edit touches those of its
// keys. What it returns depends on the places alone, and not on their order.
func (x *index) content(places []*place) []byte {
	buckets := split(places, x.bucket)
	var all [][]byte
	for some := range slices.Chunk(buckets, max(1, x.covered)) {
		var of []*bucket
		for _, in := range some {
			if len(in) > 0 {
				of = append(of, x.encoded(in))
			}
		}
		all = append(all, x.head(some, of))
		for _, b := range of {
			all = append(all, b.content)
		}
	}
	return bytes.Join(all, nil)
}

// head returns what stands in front of some buckets. It is what it was where they stood together before, and no others with
// them. One alone needs none.
func (x *index) head(places [][]*place, of []*bucket) []byte {
	if x.cover == nil || len(of) < 2 {
		return nil
	}
	if same := of[0].in; same != nil && slices.Equal(same.of, of) {
		return same.head
	}
	size := 0
	for _, b := range of {
		size += len(b.content)
	}
	made := &cover{of: of, head: x.cover(keysOf(places), size)}
	for _, b := range of {
		b.in = made
	}
	return made.head
}

// keysOf returns the keys of places, which may be there several times.
func keysOf(some [][]*place) []string {
	var out []string
	for _, in := range some {
		for _, p := range in {
			out = append(out, p.key)
		}
	}
	return out
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
func (x *index) encoded(in []*place) *bucket {
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
	return same
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
