package reload

import (
	"slices"

	"github.com/portreeve/portreeve/xds/snapshot"
)

// maxLeft bounds the generations that are kept only because a gateway may come back with them.
const maxLeft = 2

// resume hands over what the gateways of a group may come back with: any kept generation that is
// not the one that they will be served. Which one it is the version tells that they name. Without
// it nothing is lost but that clusters go before the routes to them, in state-of-the-world.
func (r *Reloader) resume(key string, g *group) {
	serving := r.servable(g)
	for i, generation := range r.kept {
		if generation == serving || i > maxLeft {
			continue
		}
		resources, refused := generation.resources(g.gateway)
		if len(refused) > 0 {
			continue
		}
		s, err := snapshot.New(resources)
		if err != nil {
			r.options.Logger.Warn("cannot tell what gateways come back with", "generation", generation.Hash, "group", key, "error", err)
			continue
		}
		r.publisher.Resume(key, s)
	}
}

// servable returns the newest generation that is clean for a group and waits for no keys, or nil.
func (r *Reloader) servable(g *group) *Generation {
	i := slices.IndexFunc(r.kept, func(k *Generation) bool {
		_, refused := k.resources(g.gateway)
		return len(refused) == 0 && len(k.waitsFor(g.gateway, r.awaited)) == 0
	})
	if i < 0 {
		return nil
	}
	return r.kept[i]
}

// left returns, by hash, the newest generations with which groups without a gateway may have gone.
func (r *Reloader) left() map[string]bool {
	went := map[string]bool{}
	for _, g := range r.groups {
		for _, hash := range g.left {
			went[hash] = true
		}
	}
	out := map[string]bool{}
	for _, generation := range r.kept {
		if went[generation.Hash] && generation != r.latest && len(out) < maxLeft {
			out[generation.Hash] = true
		}
	}
	return out
}

func hashes(list ...*Generation) []string {
	var out []string
	for _, g := range list {
		if g != nil {
			out = append(out, g.Hash)
		}
	}
	return out
}
