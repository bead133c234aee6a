package reload

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/go-multierror"

	"github.com/portreeve/portreeve/internal/state"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// publishAll gives every group what is good for it.
func (f *fleet) publishAll(ctx context.Context) error {
	var failed *multierror.Error
	for _, g := range f.groups {
		maps.DeleteFunc(g.unservable, func(k *Generation, _ diag.List) bool { return !slices.Contains(f.history.kept, k) })
		failed = multierror.Append(failed, f.give(ctx, g, f.choose(g)))
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
// Rendering takes long, so it comes last, and only for what the group does not have yet. It may tell
// of more errors, and then an older generation is the one.
func (f *fleet) choose(g *group) offer {
	var out offer
	for _, generation := range f.history.candidates(g.serving) {
		refused, waiting := f.history.refusals(generation, g.gateway, g.serving), []string(nil)
		if len(refused) == 0 {
			waiting = generation.waitsFor(g.gateway, f.history.awaited)
		}
		good := len(refused) == 0 && len(waiting) == 0
		if good && !g.has(generation) {
			out.resources, refused = f.rendered(generation, g)
		}
		if generation == f.history.latest {
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
// gateway of it is there and it is served the same policy, with whatever keys, when one comes.
func (g *group) has(generation *Generation) bool {
	if g.connected {
		return g.published && g.serving == generation
	}
	// Any other is rendered also for a group without a gateway: it must not be moved to one that is
	// refused for it, as nothing older would be left when the gateway is back.
	return g.serving != nil && g.serving.Hash == generation.Hash
}

// rendered returns what a generation gives the gateways of a group, or the errors that refuse it there.
func (f *fleet) rendered(generation *Generation, g *group) (envoy.Resources, diag.List) {
	if refused := g.unservable[generation]; len(refused) > 0 {
		return envoy.Resources{}, refused
	}
	resources, refused := f.render(generation, g.gateway)
	// What it is served already is not judged anew: other keys make another value of it.
	if len(refused) == 0 && (g.serving == nil || g.serving.Hash != generation.Hash) {
		refused = generation.tests.refusals(g.key, g.gateway)
	}
	if len(refused) == 0 {
		return resources, nil
	}
	if g.unservable == nil {
		g.unservable = map[*Generation]diag.List{}
	}
	g.unservable[generation] = refused
	return envoy.Resources{}, refused
}

// give gives a group what was chosen for it. Without any generation it is given nothing: its
// listeners stay as they are, or do not open.
func (f *fleet) give(ctx context.Context, g *group, o offer) error {
	g.refused, g.waiting = o.refused, o.waiting
	switch {
	case o.generation == nil || g.serving == o.generation && g.has(o.generation):
		return nil
	case !g.connected:
		g.serving, g.effect = o.generation, nil
		return nil
	}
	s, err := snapshot.New(o.resources, g.snapshot, f.made)
	if err != nil {
		return fmt.Errorf("generation %s for %s: %w", o.generation.Hash, g.key, err)
	}
	if !g.published || g.serving.Hash != o.generation.Hash {
		s.Edited = o.generation.edited // else it has other keys, which nobody edited
	}
	if err := f.publisher.Set(ctx, g.key, s); err != nil {
		return err
	}
	if g.published && g.serving.Hash == o.generation.Hash && !alike(g.snapshot, s) {
		g.rekeyed++
	}
	g.snapshot, f.made = s, s
	effect := g.effectOf(o.generation)
	if noLongerEnforced(g.effect, effect) {
		f.logger.Warn("nothing is enforced any more on a group of gateways, as the policy says", "group", g.key, "generation", o.generation.Seq, "hash", o.generation.Hash)
	}
	g.serving, g.effect, g.published, g.standing = o.generation, &effect, true, state.Idle
	if len(o.resources.Listeners) > 0 {
		g.standing = state.Listening
	}
	f.served.keep(g.key, config{o.resources, o.generation, g.gateway})
	return nil
}

// alike reports whether two snapshots have the same resources.
func alike(a, b *snapshot.Snapshot) bool {
	return !slices.ContainsFunc(snapshot.Types(), func(t snapshot.Type) bool { return a.GetVersion(t.URL) != b.GetVersion(t.URL) })
}
