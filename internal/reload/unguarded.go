package reload

import (
	"slices"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
)

// unguarded returns the errors that refuse a generation to a group because nothing would be enforced
// on it. A group that was never here is judged by what would be enforced on it by any generation that
// is remembered: a slip that is refused to those that are here must not open the next one, which
// differs from them by a label or a zone. While it is not known what an earlier process kept, nothing
// is given by which nothing would be enforced, unless that is said to be meant.
func (h *history) unguarded(g *Generation, gateway model.Gateway, serving *Generation) diag.List {
	if serving == nil {
		serving = h.guarding(gateway)
	}
	if found := g.unguardedAfter(serving, gateway); len(found) > 0 {
		return found
	}
	if serving == nil && h.state != nil && !h.state.Known() && !g.Program.Enforces(gateway) && !g.Program.Disabled(gateway) {
		return diag.List{diag.New(diag.CodeUnguarded, diag.Position{File: h.state.Path()}, "the state directory does not answer, so it is not known whether anything was enforced here, and by these files nothing is").
			WithHint("mend the disk, or start without --state-dir; or say that everything may pass: a JWTPolicy with enabled: false, or an AuthorizationPolicy with action: ALLOW and rules: [{}]")}
	}
	return nil
}

// guarding returns the newest generation that is good for a gateway and enforces anything on it, or
// nil.
func (h *history) guarding(gateway model.Gateway) *Generation {
	i := slices.IndexFunc(h.kept, func(g *Generation) bool {
		return len(g.unreadable) == 0 && g.Program.Enforces(gateway) && len(g.Program.Refusals(gateway)) == 0
	})
	if i < 0 {
		return nil
	}
	return h.kept[i]
}

// unguardedAfter returns the errors that refuse the generation to a gateway that is served another.
func (g *Generation) unguardedAfter(served *Generation, gateway model.Gateway) diag.List {
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
		if len(g.Program.Refusals(gateway)) == 0 && len(g.unguardedAfter(out, gateway)) == 0 {
			out = g
		}
	}
	return out
}
