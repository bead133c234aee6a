package reload

import (
	"cmp"
	"slices"
	"time"

	"github.com/portreeve/portreeve/internal/state"
)

// tenure is how much a group of gateways is worth remembering.
type tenure struct {
	standing state.Standing
	// connected is how long its gateways were connected in all, without the present connection.
	connected time.Duration
	// since is when the present connection began; it is zero where there is none.
	since time.Time
	// seen is when a gateway was last connected.
	seen time.Time
}

// compare orders what is worth less before what is worth more. A name costs nothing to make up,
// and neither does a short visit, even of one that is served listeners; days do.
func (t tenure) compare(other tenure) int {
	return cmp.Or(cmp.Compare(t.standing, other.standing), cmp.Compare(t.connected, other.connected), t.seen.Compare(other.seen))
}

// after adds what is known of the time before.
func (t tenure) after(earlier tenure) tenure {
	t.standing, t.connected = max(t.standing, earlier.standing), t.connected+earlier.connected
	if t.seen.Before(earlier.seen) {
		t.seen = earlier.seen
	}
	return t
}

// tenureAt returns the tenure of a group up to a moment.
func (g *group) tenureAt(now time.Time) tenure {
	t := g.tenure
	if !g.connected {
		return t
	}
	t.connected += max(0, now.Sub(t.since)) // a clock that was set back counts for nothing
	t.since, t.seen = now, now
	t.standing = max(t.standing, g.standing)
	return t
}

// ranked returns all groups, those first that are worth the least.
func (f *fleet) ranked() []*group {
	tenures := make(map[*group]tenure, len(f.groups))
	out := f.all()
	now := f.now()
	for _, g := range out {
		tenures[g] = g.tenureAt(now)
	}
	slices.SortStableFunc(out, func(a, b *group) int { return tenures[a].compare(tenures[b]) })
	return out
}
