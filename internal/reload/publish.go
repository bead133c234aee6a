package reload

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/go-multierror"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/xds/snapshot"
)

func (r *Reloader) publishAll(ctx context.Context) error {
	var failed *multierror.Error
	for key, g := range r.groups {
		failed = multierror.Append(failed, r.publish(ctx, key, g))
	}
	return failed.ErrorOrNil()
}

// offer is what a group of gateways is to be given.
type offer struct {
	// generation is nil where none is good for the group, and resources are empty where it has them.
	generation *Generation
	resources  envoy.Resources
	// refused and waiting say what keeps the latest generation from the group.
	refused diag.List
	waiting []string
}

// choose finds the newest generation that is clean for a group and that waits for no keys of its
// policy: what was served before is better than what would refuse every token until they come.
// Rendering takes long, so it comes last, for what the group does not have yet. It may tell of more
// errors, and then an older generation is the one.
func (r *Reloader) choose(key string, g *group) offer {
	var out offer
	_, published := r.served.Load(key)
	for _, generation := range r.candidates(g) {
		refused, waiting := r.refusals(generation, g), []string(nil)
		if len(refused) == 0 {
			waiting = generation.waitsFor(g.gateway, r.awaited)
		}
		good := len(refused) == 0 && len(waiting) == 0
		if good && !g.has(generation, published) {
			out.resources, refused = generation.Program.For(g.gateway)
		}
		if generation == r.latest {
			out.refused, out.waiting = refused, waiting
		}
		if good && len(refused) == 0 {
			out.generation = generation
			return out
		}
	}
	return out
}

// has reports whether there is nothing to render for a group: it was published the generation, or no
// gateway of it is there and it is served the same policy with whatever keys when one comes.
func (g *group) has(generation *Generation, published bool) bool {
	if g.connected {
		return published && g.serving == generation
	}
	return g.serving != nil && g.serving.Hash == generation.Hash
}

// publish gives a group what is chosen for it. Without any it is given nothing: its listeners stay
// as they are, or do not open.
func (r *Reloader) publish(ctx context.Context, key string, g *group) error {
	return r.give(ctx, key, g, r.choose(key, g))
}

// give gives a group what was chosen for it.
func (r *Reloader) give(ctx context.Context, key string, g *group, o offer) error {
	g.refused, g.waiting = o.refused, o.waiting
	_, published := r.served.Load(key)
	switch {
	case o.generation == nil || g.serving == o.generation && g.has(o.generation, published):
		return nil
	case !g.connected:
		g.serving, g.effect = o.generation, nil
		return nil
	}
	s, err := snapshot.New(g.spelled(o.resources))
	if err != nil {
		return fmt.Errorf("generation %s for %s: %w", o.generation.Hash, key, err)
	}
	if err := r.options.Publisher.Set(ctx, key, s); err != nil {
		return err
	}
	effect := g.effectOf(o.generation)
	if noLongerEnforced(g.effect, effect) {
		r.options.Logger.Warn("nothing is enforced any more on a group of gateways, as the policy says", "group", key, "generation", o.generation.Seq, "hash", o.generation.Hash)
	}
	g.serving, g.effect = o.generation, &effect
	r.served.Store(key, o.resources)
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
