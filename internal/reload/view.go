package reload

import (
	"slices"
	"sync"

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

// show makes the present state the one that is shown. The caller holds mu, or is New.
func (r *Reloader) show() {
	v := &view{latest: r.latest, kept: slices.Clone(r.kept), awaited: r.awaited, held: r.held, groups: make([]groupView, 0, len(r.groups))}
	for key, g := range r.groups {
		shown := groupView{key: key, gateway: g.gateway, connected: g.connected, serving: g.serving, refused: g.refused, waiting: g.waiting}
		if _, published := r.served.Load(key); g.connected && !published {
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
	r.shown.Store(v)
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

// before returns the newest program, from which the next can take what has not changed.
func (v *view) before() *translate.Program {
	if len(v.kept) == 0 {
		return &translate.Program{}
	}
	return v.kept[0].Program
}

// Known reports whether a group of gateways is remembered: it is connected, was, or was with an
// earlier process whose state was kept.
func (r *Reloader) Known(key string) bool { return r.shown.Load().group(key) != nil }
