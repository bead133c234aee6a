package reload

import (
	"context"
	"maps"
	"slices"

	"github.com/portreeve/portreeve/internal/input"
	"github.com/portreeve/portreeve/internal/state"
	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
	"github.com/portreeve/portreeve/xds/node"
)

// maxStored bounds how many groups of gateways are kept on disk. Those that are worth the least
// are left out.
const maxStored = 4 * maxDeparted

// save has the state written where it has changed, and waits for that as long as the saver does.
func (r *Reloader) save() {
	if r.changed() {
		r.saver.Save()
	}
}

// saveSoon is save for who must not wait for a disk.
func (r *Reloader) saveSoon() {
	if r.changed() {
		r.saver.Ask()
	}
}

// changed reports whether the state is to be written, and takes it that it will be.
func (r *Reloader) changed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	changed := r.unsaved && r.saver != nil
	r.unsaved = false
	return changed
}

// Close writes the state for the last time. It takes a second at most.
func (r *Reloader) Close() {
	if r.saver != nil {
		r.saver.Close()
	}
}

// content returns what is to be kept on disk.
func (r *Reloader) content() state.Content {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := state.Content{At: r.options.Now()}
	served := map[string]bool{}
	ranked := r.ranked()
	for _, key := range ranked[max(0, len(ranked)-maxStored):] {
		g := r.groups[key]
		stored := state.Group{Namespace: g.gateway.Namespace, Labels: g.gateway.Labels, Locality: g.gateway.Locality}
		if g.serving != nil {
			stored.Serving = g.serving.Hash
			served[stored.Serving] = true
		}
		t := r.tenureOf(key, g)
		stored.Standing, stored.Connected, stored.Seen = t.standing, t.connected, t.seen
		out.Groups = append(out.Groups, stored)
	}
	for _, g := range r.kept {
		// What is refused for everybody and served to nobody is no use after a restart, and can be large.
		if len(g.unreadable) == 0 && (served[g.Hash] || g.clean()) {
			out.Generations = append(out.Generations, g.stored())
		}
	}
	return out
}

func (g *Generation) stored() state.Generation {
	out := state.Generation{Hash: g.Hash, At: g.At, Served: slices.Sorted(maps.Keys(g.served)), Lost: g.lost, Mounts: g.mounts, Flags: g.flags.stored()}
	for _, f := range g.files {
		out.Files = append(out.Files, state.File{Path: f.Path, Content: f.Content})
	}
	return out
}

// recall returns the generations that an earlier process kept, the newest first, and the groups
// that it served, none of which is connected. The generations are compiled anew, so this program's
// checks hold for them too. A group is served exactly what it was: what is newer may have been
// refused for it for a reason that the files alone do not tell.
func (r *Reloader) recall(c state.Content) ([]*Generation, map[string]*group) {
	var kept []*Generation
	byHash := map[string]*Generation{}
	before := &translate.Program{}
	for _, stored := range c.Generations {
		g := r.recompiled(stored, before)
		before = g.Program
		kept = append(kept, g)
		byHash[stored.Hash] = g
	}
	groups := map[string]*group{}
	for _, stored := range c.Groups {
		n := node.Of(model.Gateway{Namespace: stored.Namespace, Labels: stored.Labels, Locality: stored.Locality})
		g := &group{gateway: n.Gateway, serving: byHash[stored.Serving], awaited: true, tenure: tenure{standing: stored.Standing, connected: stored.Connected, seen: stored.Seen}}
		// Where it is not told, or there was no room for it, what stands there is not older than that.
		if g.serving == nil && (stored.Unsaid || stored.Serving != "") {
			g.serving = lastGood(kept, n.Gateway)
		}
		groups[n.Key] = g
	}
	return kept, groups
}

func (r *Reloader) recompiled(stored state.Generation, before *translate.Program) *Generation {
	reading := input.Reading{Mounts: stored.Mounts}
	for _, f := range stored.Files {
		reading.Files = append(reading.Files, source.File{Path: f.Path, Content: f.Content})
	}
	served := map[string]bool{}
	for _, fingerprint := range stored.Served {
		served[fingerprint] = true
	}
	g := newGeneration(0, stored.At, reading, in(r.options.Settings, stored.Flags), before, served)
	if g.lost = stored.Lost; stored.Hash != "" {
		// What was found of the directories is part of it, and kept by their names only.
		g.Hash = stored.Hash
	}
	return g
}

// regain gives a group, of which nothing was known when it came, what an earlier process served it,
// where it has nothing yet, or where by what it has nothing is enforced any more and nobody said so.
// The caller holds mu, and publishes then.
func (r *Reloader) regain(key string, g *group, served *Generation) {
	if g.serving == nil || len(g.serving.unguardedAfter(g.gateway, served)) > 0 {
		g.serving, g.effect = served, nil
		r.served.Delete(key)
	}
}

// adopt takes up what an earlier process kept where the disk answered too late for New. What has
// been read since is newer; groups that have nothing good yet, or lost all policy, are served what
// they had.
func (r *Reloader) adopt(c state.Content) {
	defer r.saveSoon()
	r.turn.Lock()
	defer r.turn.Unlock()
	kept, groups := r.recall(c)
	r.mu.Lock()
	defer r.mu.Unlock()
	known := map[string]bool{}
	for _, g := range r.kept {
		known[g.Hash] = true
	}
	for _, g := range kept {
		if !known[g.Hash] {
			r.kept = append(r.kept, g)
		}
	}
	for key, g := range groups {
		if now := r.groups[key]; now != nil {
			now.tenure = now.tenure.after(g.tenure)
			r.regain(key, now, g.serving)
			continue
		}
		r.groups[key] = g
	}
	r.turnKeys()
	if err := r.publishAll(context.Background()); err != nil {
		r.options.Logger.Error("cannot serve what was kept", "error", err)
	}
	r.prune()
	r.show()
	r.unsaved = true
	r.options.Logger.Info("the state directory answers: what it kept is taken up", "generations", len(kept), "groups", len(groups))
}
