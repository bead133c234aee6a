package server

import (
	"net/netip"
	"slices"
)

// makesRoom returns which connection is closed for one of a peer where there are as many as may
// be, or nil where the peer is refused. So that no peer keeps another out, one of the peer that
// has most is closed, also of a gateway that said who it is; never where the peer would then have
// more than that one, or two peers would close each other's for ever. A peer never closes what is
// accepted of its own. The lock is held.
func (g *gate) makesRoom(peer netip.Addr) *conn {
	count, most := map[netip.Addr]int{}, 0
	for _, c := range g.open {
		count[c.peer]++
		most = max(most, count[c.peer])
	}
	if count[peer]+1 < most {
		ofMost := func(c *conn) bool { return count[c.peer] == most }
		if i := slices.IndexFunc(g.entry.parked, ofMost); i >= 0 {
			return g.entry.parked[i]
		}
		if i := slices.IndexFunc(g.strangers, ofMost); i >= 0 {
			return g.strangers[i]
		}
		for _, c := range slices.Backward(g.open) {
			if ofMost(c) {
				return c
			}
		}
	}
	// A stranger of one that has fewer is left: it may be the only one of a gateway.
	more := func(c *conn) bool { return c.peer == peer || count[c.peer] > count[peer] }
	for _, list := range [][]*conn{g.entry.parked, g.strangers} {
		if i := slices.IndexFunc(list, more); i >= 0 {
			return list[i]
		}
	}
	return nil
}
