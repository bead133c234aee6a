package optimize

import (
	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
)

// index is a way of finding atoms by what a request has. A new one gets a file of its own and its place in indexes.
type index struct {
	name string
	// part is what this looks at, such as a claim, where it is made as it is needed: see maxParts.
	part string
	// find returns the key under which a request must be found for which the condition holds. It is false where the
	// condition has no such key. It fails open to return a key under which some request is not found for which the condition holds.
	find func(condition) (key, bool)
	// state is what it looks at, where that is a state of the request that a filter has to set before.
	state *state
	// weight is what it costs a request to be held against one of its atoms. Of several indexes by which an atom can be found
	// the one is taken whose weight, times the atoms that share the key, is least.
	weight int
	// bucket is how many keys are encoded together: an edit encodes those anew among which it is. All keys of one
	// bucket are passed to encode in one call.
	bucket int
	// encode returns what a bucket adds to the content of a section, encoded: some fields of a message.
	encode func([]entry) []byte
	// cover returns what stands in front of so many buckets, with these keys and that size. Where it is nil nothing does.
	cover   func(keys []string, size int) []byte
	covered int
	// section returns the tree that looks its entries up, whose content is encoded. Where nothing in
	// it matches it must go on with what follows on no match.
	section func(content []byte) *xdsmatcherv3.Matcher
}

// key is a key of an index, by which a condition can be found.
type key struct {
	text string
	// rest is what of the condition remains to be asked of what is found: nothing where the key says all of it.
	rest []condition
	// by is the index, where it is not the one that was asked: one of many that are made as they are needed. Those of one
	// name are the same, and their sections come behind all others, in the order of their names.
	by *index
}

// entry is what there is under one key of an index.
type entry struct {
	key string
	// leaves are asked in their order. There is one at least.
	leaves []*leaf
}

// indexes returns all indexes, in the order in which their sections are asked. It is the one list of them.
func indexes() []*index {
	return []*index{
		plainPaths(), exactPaths(), prefixPaths(), templates(), otherPaths(), hostMaps(), hostBeginnings(), hosts(), capitalHosts(), otherSpellings(),
		claims(), claimLists(), claimPatterns(), remoteAddresses(), directAddresses(),
	}
}
