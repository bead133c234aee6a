package reload

import (
	"github.com/portreeve/portreeve/xds/snapshot"
)

// maxLeft bounds the generations that are kept only because a gateway may come back with them.
const maxLeft = 2

// resume hands over what the gateways of a group may come back with from an earlier process: any kept
// generation that is not the one that they will be served. Which one it is the version tells that
// they name. Without it clusters may go before the routes to them, in state-of-the-world.
func (r *Reloader) resume(key string, g *group, serving *Generation) {
	for i, generation := range r.kept {
		if generation == serving || i > maxLeft || len(generation.unreadable) > 0 {
			continue
		}
		resources, refused := generation.Program.For(g.gateway)
		if len(refused) > 0 {
			continue
		}
		s, err := snapshot.New(resources)
		if err != nil {
			r.options.Logger.Warn("cannot tell what gateways come back with", "generation", generation.Hash, "group", key, "error", err)
			continue
		}
		r.options.Publisher.Resume(key, s)
	}
}

// returning returns, by hash, the newest generations with which the gateways of an earlier process may
// come back; none when all of its groups are there again.
func (r *Reloader) returning() map[string]bool {
	out := map[string]bool{}
	for _, g := range r.groups {
		if !g.awaited {
			continue
		}
		for _, generation := range r.kept {
			if generation.Seq == 0 && len(out) < maxLeft {
				out[generation.Hash] = true
			}
		}
		break
	}
	return out
}
