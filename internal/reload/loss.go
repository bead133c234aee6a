package reload

import (
	"slices"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
)

// loss returns the errors that keep a generation from a gateway because a directory was lost
// when it was read: each reaches the gateways that any object of that directory reached in the
// newest generation before it that had it. Where none is known that had it, what is missing is
// not known, and every gateway is reached: it fails closed.
func (h *history) loss(g *Generation, gateway model.Gateway) diag.List {
	var out diag.List
	for i, dir := range g.lost {
		if before := h.withFilesIn(dir, g); before != nil && !before.Program.HasFilesFor(dir, gateway) {
			continue
		}
		if i < len(g.lossDiagnostics) { // those of an earlier process are not kept
			out = append(out, g.lossDiagnostics[i])
			continue
		}
		out = append(out, diag.New(diag.CodeLost, diag.Position{File: dir}, "the directory was lost when this generation was read"))
	}
	return out
}

// withFilesIn returns the newest generation before another that has files in a directory, or nil.
// A later one does not count: in it the directory may be back with less than was lost.
func (h *history) withFilesIn(dir string, before *Generation) *Generation {
	older := h.kept[slices.Index(h.kept, before)+1:]
	i := slices.IndexFunc(older, func(g *Generation) bool { return g.Program.HasFilesIn(dir) && !slices.Contains(g.lost, dir) })
	if i < 0 {
		return nil
	}
	return older[i]
}
