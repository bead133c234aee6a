package reload

import (
	"slices"
	"sync"
	"time"

	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
)

// view is a reloader's state at one moment. It is immutable, so whoever asks what is served
// waits for no reading, compiling or publishing.
type view struct {
	latest  *Generation
	kept    []*Generation
	awaited map[model.KeySource]string
	groups  []groupView
	// held are findings about files that keep what they last held.
	held diag.List
	// withheld is what the record does not take; nil is nothing.
	withheld *withheld
	// refusedSince is from when on the latest generation, whichever it was, was refused to somebody; it is zero
	// where it is not.
	refusedSince time.Time
	// unapplied are the warnings about what applies to none of the gateways that are connected; they
	// are found when they are first asked for.
	unapplied func() diag.List
	// byKey finds a group; it is made when it is first asked for.
	byKey func() map[string]*groupView
}

// groupView is a group of gateways in a view.
type groupView struct {
	key       string
	gateway   model.Gateway
	connected bool
	// serving is nil where a group that is connected was not published anything yet.
	serving *Generation
	effect  translate.Effect
	refused diag.List
	waiting []string
}

// newView returns the present state. Reloader.mu is held.
func newView(h *history, f *fleet, held diag.List) *view {
	v := &view{latest: h.latest, kept: slices.Clone(h.kept), awaited: h.awaited, held: held, groups: make([]groupView, 0, len(f.groups))}
	for key, g := range f.groups {
		shown := groupView{key: key, gateway: g.gateway, connected: g.connected, serving: g.serving, refused: g.refused, waiting: g.waiting}
		if g.connected && !g.published {
			shown.serving = nil
		} else if g.effect != nil {
			shown.effect = *g.effect
		}
		v.groups = append(v.groups, shown)
	}
	v.unapplied = sync.OnceValue(v.ofNoGateway)
	v.byKey = sync.OnceValue(func() map[string]*groupView {
		out := make(map[string]*groupView, len(v.groups))
		for i := range v.groups {
			out[v.groups[i].key] = &v.groups[i]
		}
		return out
	})
	return v
}

// ofNoGateway returns warnings about what of the latest generation applies to none of the gateways
// that are connected.
func (v *view) ofNoGateway() diag.List {
	if v.latest == nil {
		return nil
	}
	var connected []model.Gateway
	for _, g := range v.groups {
		if g.connected {
			connected = append(connected, g.gateway)
		}
	}
	return v.latest.Program.Unapplied(connected)
}

// refuses reports whether the latest generation is refused to a group that is connected, or would be to others.
func (v *view) refuses() bool {
	refused := func(g groupView) bool { return g.connected && len(g.refused) > 0 }
	return v.latest != nil && (!v.latest.clean() || slices.ContainsFunc(v.groups, refused))
}

// refusedAfter returns what refusedSince is after the view before, of which there is none at first.
func (v *view) refusedAfter(before *view) time.Time {
	switch {
	case !v.refuses():
		return time.Time{}
	case before != nil && !before.refusedSince.IsZero():
		return before.refusedSince
	default:
		return v.latest.At
	}
}

// program returns the newest program, from which the next can take what has not changed.
func (v *view) program() *translate.Program {
	if len(v.kept) == 0 {
		return &translate.Program{}
	}
	return v.kept[0].Program
}

// group returns a group, or nil.
func (v *view) group(key string) *groupView { return v.byKey()[key] }

// hadFilesIn reports whether any generation has files of a directory.
func (v *view) hadFilesIn(dir string) bool {
	return slices.ContainsFunc(v.kept, func(g *Generation) bool { return g.Program.HasFilesIn(dir) })
}

// mounts returns the directories that were mounts with files in any generation.
func (v *view) mounts() []string {
	var out []string
	for _, g := range v.kept {
		out = append(out, g.mounts...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
