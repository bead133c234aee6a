package reload

import "github.com/portreeve/portreeve/xds/snapshot"

// resume hands over what the gateways of a group may come back with from an earlier process: any kept
// generation that is not the one that they will be served. Which one it is the version tells that
// they name. Without it clusters may go before the routes to them, in state-of-the-world.
func (f *fleet) resume(g *group, serving *Generation) {
	for i, generation := range f.history.kept {
		if generation == serving || i > maxLeft || len(generation.unreadable) > 0 {
			continue
		}
		resources, refused := f.render(generation, g.gateway)
		if len(refused) > 0 {
			continue
		}
		s, err := snapshot.New(resources)
		if err != nil {
			f.logger.Warn("cannot tell what gateways come back with", "generation", generation.Hash, "group", g.key, "error", err)
			continue
		}
		f.publisher.Resume(g.key, s)
	}
}
