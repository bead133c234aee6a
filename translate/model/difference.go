package model

import "github.com/portreeve/portreeve/translate/resource"

// difference returns which resources are in the one list alone, and which in the other. They are told apart by
// identity. It costs least where the lists differ in one place.
func difference(before, now []*resource.Resource) (gone, come []*resource.Resource) {
	for len(before) > 0 && len(now) > 0 && before[0] == now[0] {
		before, now = before[1:], now[1:]
	}
	for len(before) > 0 && len(now) > 0 && before[len(before)-1] == now[len(now)-1] {
		before, now = before[:len(before)-1], now[:len(now)-1]
	}
	return without(before, now), without(now, before)
}

// without returns the resources that are not among others.
func without(list, others []*resource.Resource) []*resource.Resource {
	if len(others) == 0 {
		return list
	}
	known := make(map[*resource.Resource]bool, len(others))
	for _, r := range others {
		known[r] = true
	}
	var out []*resource.Resource
	for _, r := range list {
		if !known[r] {
			out = append(out, r)
		}
	}
	return out
}
