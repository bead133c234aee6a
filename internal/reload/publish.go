package reload

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/go-multierror"

	"github.com/portreeve/portreeve/xds/snapshot"
)

func (r *Reloader) publishAll(ctx context.Context) error {
	var failed *multierror.Error
	for key, g := range r.groups {
		failed = multierror.Append(failed, r.publish(ctx, key, g))
	}
	return failed.ErrorOrNil()
}

// publish gives a group the newest generation that is clean for it and that waits for no
// keys of its policy: what was served before is better than what would refuse every token
// until they come. Without any it is given nothing: its listeners stay as they are, or do
// not open.
func (r *Reloader) publish(ctx context.Context, key string, g *group) error {
	g.refused, g.waiting = nil, nil
	_, published := r.served.Load(key)
	for _, generation := range r.candidates(g) {
		resources, refused := r.offer(generation, g)
		if len(refused) > 0 {
			if generation == r.latest {
				g.refused = refused
			}
			continue
		}
		if waiting := generation.waitsFor(g.gateway, r.awaited); len(waiting) > 0 {
			if generation == r.latest {
				g.waiting = waiting
			}
			continue
		}
		if g.serving == generation && (published || !g.connected) {
			return nil
		}
		if !g.connected {
			g.serving, g.effect = generation, nil
			return nil
		}
		s, err := snapshot.New(g.spelled(resources))
		if err != nil {
			return fmt.Errorf("generation %s for %s: %w", generation.Hash, key, err)
		}
		if err := r.publisher.Set(ctx, key, s); err != nil {
			return err
		}
		effect := g.effectOf(generation)
		if opened(g.effect, effect) {
			r.options.Logger.Warn("nothing is enforced any more on a group of gateways, as the policy says", "group", key, "generation", generation.Seq, "hash", generation.Hash)
		}
		g.serving, g.effect = generation, &effect
		r.served.Store(key, resources)
		return nil
	}
	return nil
}

// candidates returns the generations that a group may be given, the newest first: none that is older
// than what it is served, or was served last. It fails closed: whatever keeps the newer ones from
// it, such as keys that are awaited after a restart, what was tightened since stays tightened.
func (r *Reloader) candidates(g *group) []*Generation {
	if g.serving == nil {
		return r.kept
	}
	// By hash: a rotation of keys makes another value of a generation.
	i := slices.IndexFunc(r.kept, func(k *Generation) bool { return k.Hash == g.serving.Hash })
	return r.kept[:min(max(i, 0)+1, len(r.kept))]
}

// prune forgets generations that nobody can need any more, and the keys that only they need.
// Those that wait for keys are needed, and what can be served until then.
func (r *Reloader) prune() {
	served := map[string]bool{} // by hash: a rotation of keys makes another value of a generation
	for _, g := range r.groups {
		if g.serving != nil {
			served[g.serving.Hash] = true
		}
	}
	maps.Copy(served, r.returning())
	needed := map[*Generation]bool{r.latest: true}
	for _, g := range r.kept {
		if served[g.Hash] {
			needed[g] = true
			delete(served, g.Hash)
		}
	}
	for _, g := range r.kept {
		if g.clean() {
			needed[g] = true
			if !g.waits(r.awaited) {
				break
			}
		}
	}
	kept := slices.DeleteFunc(slices.Clone(r.kept), func(g *Generation) bool { return !needed[g] })
	if len(kept) == len(r.kept) {
		return
	}
	r.kept, r.unsaved = kept, true
	r.want()
}
