package reload

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/portreeve/portreeve/internal/state"
	"github.com/portreeve/portreeve/xds/node"
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

// Join implements server.Fleet: a group of gateways has connected.
func (r *Reloader) Join(n node.Group) {
	r.join(n)
	r.saveSoon()
}

func (r *Reloader) join(n node.Group) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.show()
	g := &group{gateway: n.Gateway, connected: true}
	before := r.groups[n.Key]
	if before != nil {
		g.tenure, g.serving, g.effect = before.tenure, before.serving, before.effect
	}
	g.tenure.since = r.options.Now()
	chosen := r.choose(n.Key, g)
	if before != nil && before.awaited {
		r.resume(n.Key, g, chosen.generation)
	}
	r.groups[n.Key] = g
	if err := r.give(context.Background(), n.Key, g, chosen); err != nil {
		r.options.Logger.Error("cannot serve gateway", "group", n.Key, "error", err)
	}
	r.unsaved = r.unsaved || before == nil || before.serving != g.serving
	_, published := r.served.Load(n.Key)
	switch {
	case published:
		r.reportGroups(n.Key)
	case len(g.waiting) > 0:
		r.options.Logger.Info("policy for gateway waits for keys, its listeners open then", "group", n.Key, "sources", g.waiting)
	default:
		r.options.Logger.Error("no good policy for gateway, its listeners do not open", "group", n.Key, "findings", g.refused.Brief(maxTold))
	}
}

// Leave implements server.Fleet: the last gateway of a group has gone. It asks for no write: the
// state has the group, and how long it was connected is written with what changes next.
func (r *Reloader) Leave(n node.Group) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.show()
	if g, ok := r.groups[n.Key]; ok {
		g.tenure = r.tenureOf(n.Key, g)
		g.tenure.since = time.Time{}
		g.connected = false
	}
	r.served.Delete(n.Key)
	r.forget()
}

// tenureOf returns the tenure of a group up to now.
func (r *Reloader) tenureOf(key string, g *group) tenure {
	t := g.tenure
	if !g.connected {
		return t
	}
	now := r.options.Now()
	t.connected += max(0, now.Sub(t.since)) // a clock that was set back counts for nothing
	t.since, t.seen = now, now
	switch resources, ok := r.Serving(key); {
	case ok && len(resources.Listeners) > 0:
		t.standing = state.Listening
	case ok:
		t.standing = max(t.standing, state.Idle)
	}
	return t
}

// maxDeparted bounds how many groups without a gateway are remembered. After a restart all
// groups are, until their gateways are back, so it is far above what one control plane serves.
const maxDeparted = 1024

// forget drops groups without a gateway beyond the bound, those first that are worth the least.
// The others are remembered, with the generation that is theirs: a gateway that comes back must
// not find an older policy.
func (r *Reloader) forget() {
	for {
		departed, worst := 0, ""
		for key, g := range r.groups {
			if g.connected {
				continue
			}
			if departed == 0 || g.tenure.compare(r.groups[worst].tenure) < 0 {
				worst = key
			}
			departed++
		}
		if departed <= maxDeparted {
			return
		}
		delete(r.groups, worst)
	}
}

// ranked returns the keys of all groups, those first that are worth the least.
func (r *Reloader) ranked() []string {
	tenures := make(map[string]tenure, len(r.groups))
	keys := make([]string, 0, len(r.groups))
	for key, g := range r.groups {
		tenures[key] = r.tenureOf(key, g)
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b string) int { return cmp.Or(tenures[a].compare(tenures[b]), cmp.Compare(a, b)) })
	return keys
}
