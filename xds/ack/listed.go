package ack

import (
	"cmp"
	"slices"
)

// maxListed is how many resources of a type a Gateway lists: clients choose how many there are.
const maxListed = 100

// listed returns the resources that are shown, ordered by name. It never sorts all of them, as
// streams wait for it.
func listed(resources map[string]*tracked) []Resource {
	out := []Resource{}
	keep := func() {
		slices.SortFunc(out, func(a, b Resource) int { return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(a.Name, b.Name)) })
		out = out[:min(len(out), maxListed)]
	}
	const batch = 8 * maxListed
	for _, r := range resources {
		if out = append(out, r.Resource); len(out) == batch {
			keep()
		}
	}
	keep()
	slices.SortFunc(out, func(a, b Resource) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// rank says how much an operator wants to see of it, the least most.
func (r Resource) rank() int {
	switch {
	case r.Refused != "":
		return 0
	case r.Sent != r.Accepted:
		return 1
	default:
		return 2
	}
}
