package resource

// Difference returns which resources are in the one list alone, and which in the other. They are told apart by
// identity. It costs least where the lists differ in one place.
func Difference(before, now []*Resource) (gone, come []*Resource) {
	for len(before) > 0 && len(now) > 0 && before[0] == now[0] {
		before, now = before[1:], now[1:]
	}
	for len(before) > 0 && len(now) > 0 && before[len(before)-1] == now[len(now)-1] {
		before, now = before[:len(before)-1], now[:len(now)-1]
	}
	return without(before, now), without(now, before)
}

// without returns the resources that are not among others.
func without(list, others []*Resource) []*Resource {
	if len(others) == 0 {
		return list
	}
	known := make(map[*Resource]bool, len(others))
	for _, r := range others {
		known[r] = true
	}
	var out []*Resource
	for _, r := range list {
		if !known[r] {
			out = append(out, r)
		}
	}
	return out
}
