package app

import (
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"unicode/utf8"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/xds/ack"
	"github.com/portreeve/portreeve/xds/node"
	"github.com/portreeve/portreeve/xds/pace"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// The bounds of what gateways write to the log by refusing: lines a minute, and those of one
// address; bytes of a message, whose first 8 KiB the status has; names in a line.
const (
	nackLines, nackLinesOfOne = 120, 60
	maxLogged                 = 500
	maxNamed                  = 10
)

// nacks logs what gateways refuse.
type nacks struct {
	logger *slog.Logger
	limit  *pace.Limit
}

// write logs a refusal unless enough was logged in this minute.
func (n nacks) write(e ack.Event, origins func(ack.Event) []string) {
	host, _, err := net.SplitHostPort(e.Peer.Address)
	if err != nil {
		host = e.Peer.Address
	}
	more, ok := n.limit.Take(host)
	if !ok {
		return
	}
	n.logger.Error("gateway refused configuration and stays on what it had", append([]any{
		"gateway", node.Cut(e.Peer.Node), "address", e.Peer.Address, "type", e.Name,
		"resources", few(e.Refusal.Resources), "message", shortened(e.Refusal.Message), "origins", few(origins(e)),
	}, more...)...)
}

// few returns the first of a list, each cut, and how many more there are.
func few(list []string) []string {
	out := []string{}
	for _, s := range list[:min(len(list), maxNamed)] {
		out = append(out, node.Cut(s))
	}
	if left := len(list) - len(out); left > 0 {
		out = append(out, fmt.Sprintf("and %d more", left))
	}
	return out
}

// shortened cuts a message at the end of a character.
func shortened(message string) string {
	if len(message) <= maxLogged {
		return message
	}
	end := maxLogged
	for !utf8.RuneStart(message[end]) && end > 0 {
		end--
	}
	return message[:end] + "…"
}

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
	a.nacks.write(e, a.origins)
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
