package app

import (
	"maps"
	"slices"

	"github.com/portreeve/portreeve/internal/diag"
	"github.com/portreeve/portreeve/xds/ack"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// observe logs what a gateway refused, down to the policy lines that the refused resource
// comes from. What a gateway says again of a file that was tried again is not told again.
func (a *App) observe(e ack.Event) {
	switch e.Kind {
	case ack.Connected:
		a.reloader.Connected(e.Peer.Node, e.Peer.Group)
	case ack.Disconnected:
		a.reloader.Disconnected(e.Peer.Node, e.Peer.Group)
	default:
	}
	if again := a.refused.note(e); again || e.Kind != ack.ResponseRefused {
		return
	}
	a.options.Logger.Error("gateway refused configuration and stays on what it had", "gateway", e.Peer.Node, "address", e.Peer.Address,
		"type", e.Name, "resources", e.Refusal.Resources, "message", e.Refusal.Message, "origins", a.origins(e))
}

// origins returns the policy lines behind the refused resources, or behind all that were
// sent where Envoy did not say which it means.
func (a *App) origins(e ack.Event) []string {
	served, _ := a.reloader.Serving(e.Peer.Group)
	names := e.Refusal.Resources
	if len(names) == 0 {
		names = e.Resources
	}
	var positions []diag.Position
	for _, name := range names {
		positions = slices.AppendSeq(positions, maps.Values(served.Trace[snapshot.EndpointsOf(name)]))
	}
	slices.SortFunc(positions, diag.Position.Compare)
	out := make([]string, 0, len(positions))
	for _, p := range slices.Compact(positions) {
		out = append(out, p.String())
	}
	return out
}
