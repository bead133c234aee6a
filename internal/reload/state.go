package reload

import (
	"context"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/portreeve/portreeve/internal/state"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/xds/node"
)

// keeper has the state written where it has changed. It is safe for concurrent use.
type keeper struct {
	// saver is nil where nothing is kept.
	saver *state.Saver
	// unsaved says that the saver was not asked yet to write what there is now.
	unsaved atomic.Bool
}

// changed says that there is something else to write.
func (k *keeper) changed() { k.unsaved.Store(true) }

// save has the state written where it has changed, and waits for that as long as the saver does. No
// lock is held, as what is to be written is asked for meanwhile.
func (k *keeper) save() {
	if k.unsaved.Swap(false) && k.saver != nil {
		k.saver.Save()
	}
}

// saveSoon is save for who must not wait for a disk.
func (k *keeper) saveSoon() {
	if k.unsaved.Swap(false) && k.saver != nil {
		k.saver.Ask()
	}
}

// close writes the state for the last time. It takes a second at most.
func (k *keeper) close() {
	if k.saver != nil {
		k.saver.Close()
	}
}

// status returns nil where nothing is kept.
func (k *keeper) status() *state.Status {
	if k.saver == nil {
		return nil
	}
	out := k.saver.Status()
	return &out
}

// content returns what is to be kept on disk.
func (r *Reloader) content() state.Content {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := state.Content{At: r.options.Now(), Groups: r.fleet.stored()}
	served := map[string]bool{}
	for _, g := range out.Groups {
		served[g.Serving] = true
	}
	grants, alerts := granting(r.history.kept), alerting(r.history.kept)
	for _, g := range r.history.kept {
		// What is refused for everybody and served to nobody is no use after a restart, and can be large.
		if len(g.unreadable) == 0 && (served[g.Hash] || g.clean() || g == grants || g == alerts) {
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

// maxStored bounds how many groups of gateways are kept on disk. Those that are worth the least
// are left out.
const maxStored = 4 * maxDeparted

// stored returns the groups as they are kept on disk.
func (f *fleet) stored() []state.Group {
	var out []state.Group
	ranked := f.ranked()
	for _, g := range ranked[max(0, len(ranked)-maxStored):] {
		stored := state.Group{Namespace: g.gateway.Namespace, Labels: g.gateway.Labels, Locality: g.gateway.Locality}
		if g.serving != nil {
			stored.Serving = g.serving.Hash
		}
		t := g.tenureAt(f.now())
		stored.Standing, stored.Connected, stored.Seen = t.standing, t.connected, t.seen
		out = append(out, stored)
	}
	return out
}

// recalled returns the groups that an earlier process served, none of which is connected. A group is
// served exactly what it was: what is newer may have been refused for it for a reason that the files
// alone do not tell.
func recalled(stored []state.Group, kept []*Generation) map[string]*group {
	byHash := map[string]*Generation{}
	for _, g := range kept {
		byHash[g.Hash] = g
	}
	out := map[string]*group{}
	for _, s := range stored {
		n := node.Of(model.Gateway{Namespace: s.Namespace, Labels: s.Labels, Locality: s.Locality})
		g := &group{key: n.Key, gateway: n.Gateway, serving: byHash[s.Serving], awaited: true, tenure: tenure{standing: s.Standing, connected: s.Connected, seen: s.Seen}}
		// Where it is not told, or there was no room for it, what stands there is not older than that.
		if g.serving == nil && (s.Unsaid || s.Serving != "") {
			g.serving = lastGood(kept, n.Gateway)
		}
		out[n.Key] = g
	}
	return out
}

// adopt takes up what an earlier process kept where the disk answered too late for New. What has
// been read since is newer; groups that have nothing good yet, or lost all policy, are served what
// they had.
func (r *Reloader) adopt(c state.Content) {
	defer r.keeper.saveSoon()
	r.turn.Lock()
	defer r.turn.Unlock()
	kept := r.reader.recall(c.Generations)
	groups := recalled(c.Groups, kept)
	r.rights.recall(kept)
	r.watching.recall(kept)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.history.adopt(kept)
	r.fleet.adopt(groups)
	r.history.rotateKeys()
	if err := r.publishAll(context.Background(), CauseState); err != nil {
		r.options.Logger.Error("cannot serve what was kept", "error", err)
	}
	r.keeper.changed()
	r.options.Logger.Info("the state directory answers: what it kept is taken up", "generations", len(kept), "groups", len(groups))
}
