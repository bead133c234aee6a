package reload

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/portreeve/portreeve/internal/state"
	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/xds/node"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// fleet is the groups of gateways, and what each is served of the history. A group has at any time
// the newest generation that was good for it, and never an older one again; where a newer one is
// refused for it, it stays, whatever the others are given. Groups without a gateway are remembered
// up to a bound, with the generation that is theirs. It is guarded by Reloader.mu.
type fleet struct {
	history   *history
	publisher Publisher
	// render is Generation.render, unless a test looks on.
	render func(*Generation, model.Gateway) (envoy.Resources, diag.List)
	logger *slog.Logger
	now    func() time.Time
	groups map[string]*group
	// made is the last snapshot that was made: groups have much in common.
	made *snapshot.Snapshot
	// served has no need of Reloader.mu.
	served served
}

// group is the gateways of one identity and what they are served.
type group struct {
	key       string
	gateway   model.Gateway
	connected bool
	// serving is what the group is served or, where it has come and nothing was good for it
	// yet, what it was served before. Nothing of it is taken away by a slip: see history.refusals.
	serving *Generation
	// published says that serving was published since the group is connected, and standing what it
	// is served since then.
	published bool
	standing  state.Standing
	// effect is what the policy in it comes to; nil where it was never published.
	effect *translate.Effect
	// snapshot is what was published to it since it is connected; what comes next takes from it what has not changed.
	snapshot *snapshot.Snapshot
	// rekeyed counts how often the policy that it is served was published with other keys, since it is connected.
	rekeyed int
	// awaited says that an earlier process served it, and no gateway has come back since.
	awaited bool
	refused diag.List
	// unservable are the errors that only rendering told, by generation: it is not rendered again.
	unservable map[*Generation]diag.List
	// waiting names the sources of keys that keep the latest generation from the group.
	waiting []string
	tenure  tenure
}

func newFleet(o Options, h *history) *fleet {
	return &fleet{history: h, publisher: o.Publisher, render: (*Generation).render, logger: o.Logger, now: o.Now, groups: map[string]*group{}}
}

// join notes that a group has connected, and gives it what is good for it. It reports whether the
// state has changed.
func (f *fleet) join(n node.Group) (_ *group, changed bool) {
	g := &group{key: n.Key, gateway: n.Gateway, connected: true}
	before := f.groups[n.Key]
	if before != nil {
		g.tenure, g.serving, g.effect, g.unservable = before.tenure, before.serving, before.effect, before.unservable
	}
	g.tenure.since = f.now()
	f.groups[n.Key] = g
	chosen := f.choose(g)
	if before != nil && before.awaited {
		f.resume(g, chosen.generation)
	}
	if err := f.give(context.Background(), g, chosen); err != nil {
		f.logger.Error("cannot serve gateway", "group", n.Key, "error", err)
	}
	return g, before == nil || before.serving != g.serving
}

// leave notes that the last gateway of a group has gone, and returns the group; nil is one that is not known.
func (f *fleet) leave(key string) *group {
	g := f.groups[key]
	if g != nil {
		g.tenure = g.tenureAt(f.now())
		g.tenure.since = time.Time{}
		g.connected, g.published, g.standing, g.snapshot = false, false, state.Unserved, nil
	}
	f.served.drop(key)
	f.forget()
	return g
}

// maxDeparted bounds how many groups without a gateway are remembered. After a restart all
// groups are, until their gateways are back, so it is far above what one control plane serves.
const maxDeparted = 1024

// forget drops groups without a gateway beyond the bound, those first that are worth the least.
// The others are remembered, with the generation that is theirs: a gateway that comes back must
// not find an older policy.
func (f *fleet) forget() {
	for {
		departed, worst := 0, ""
		for key, g := range f.groups {
			if g.connected {
				continue
			}
			if departed == 0 || g.tenure.compare(f.groups[worst].tenure) < 0 {
				worst = key
			}
			departed++
		}
		if departed <= maxDeparted {
			return
		}
		delete(f.groups, worst)
	}
}

// adopt takes in the groups that an earlier process served, where the disk told of them too late. Who
// has come since keeps what is newer, but is given back what it has lost.
func (f *fleet) adopt(recalled map[string]*group) {
	for key, g := range recalled {
		if now := f.groups[key]; now != nil {
			now.tenure = now.tenure.after(g.tenure)
			f.regain(now, g.serving)
			continue
		}
		f.groups[key] = g
	}
}

// regain gives a group, of which nothing was known when it came, what an earlier process served it,
// where it has nothing yet, or where by what it has nothing is enforced any more and nobody said so.
// It is published then.
func (f *fleet) regain(g *group, served *Generation) {
	if g.serving == nil || len(g.serving.unguardedAfter(served, g.gateway)) > 0 {
		g.serving, g.effect, g.published, g.standing = served, nil, false, state.Unserved
		f.served.drop(g.key)
	}
}

// needed returns, by hash, the generations that groups are served, and those with which the gateways
// of an earlier process may come back; none of these when all of its groups are there again.
func (f *fleet) needed() map[string]bool {
	out := map[string]bool{}
	for _, g := range f.groups {
		if g.serving != nil {
			out[g.serving.Hash] = true
		}
		if g.awaited {
			maps.Copy(out, f.history.ofEarlierProcess())
		}
	}
	return out
}

// all returns the groups, by key.
func (f *fleet) all() []*group {
	out := make([]*group, 0, len(f.groups))
	for _, key := range slices.Sorted(maps.Keys(f.groups)) {
		out = append(out, f.groups[key])
	}
	return out
}
