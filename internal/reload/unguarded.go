package reload

import (
	"slices"

	"github.com/portreeve/portreeve/internal/diag"
	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/model"
)

// offer returns what a generation gives a group, or the errors that refuse it there. Those
// of the files come first. A group that is served policy is not given a generation by which
// nothing would be enforced on it, also where what it is served is known from the state alone:
// it fails closed. What it is served already is not judged anew by a directory that was lost then:
// the generation that tells whom that reached may be forgotten.
//
// The caller holds mu.
func (r *Reloader) offer(g *Generation, to *group) (envoy.Resources, diag.List) {
	if to.serving == nil || to.serving.Hash != g.Hash {
		if lost := r.loss(g, to.gateway); len(lost) > 0 {
			return envoy.Resources{}, lost
		}
	}
	resources, refused := g.resources(to.gateway)
	if len(refused) == 0 {
		refused = g.unguarded(to.gateway, to.serving)
	}
	if len(refused) > 0 {
		return envoy.Resources{}, refused
	}
	return resources, nil
}

// unguarded returns the errors that refuse the generation to a gateway that is served another.
func (g *Generation) unguarded(gateway model.Gateway, served *Generation) diag.List {
	if served == nil || served.Hash == g.Hash { // a rotation of keys makes another value of a generation
		return nil
	}
	return g.Program.Unguarded(gateway, served.Program)
}

// lastGood returns the generation that an earlier process served a gateway, or nil where none
// is good for it. It goes as that process went, from the oldest to the newest.
func lastGood(kept []*Generation, gateway model.Gateway) *Generation {
	var out *Generation
	for _, g := range slices.Backward(kept) {
		if len(g.Program.Refusals(gateway)) == 0 && len(g.unguarded(gateway, out)) == 0 {
			out = g
		}
	}
	return out
}
