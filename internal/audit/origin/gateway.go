package origin

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/portreeve/portreeve/internal/audit"
	"github.com/portreeve/portreeve/xds/ack"
	"github.com/portreeve/portreeve/xds/server"
)

// The bounds of what gateways write to the record in a minute, all of them and each: who comes and goes, so that a fleet of
// ten thousand that comes back is recorded whole; what they refuse; and what is refused to them, of those that said a node
// and of those that did not, so that strangers hide no gateway.
const (
	connectionsMost, connectionsOfOne = 30_000, 60
	answersMost, answersOfOne         = 600, 60
	refusalsMost, refusalsOfOne       = 30, 10
	// every is how often what was kept back is counted on the record.
	every = time.Minute
)

// Gateways records what gateways do, and what is refused to them. It is safe for concurrent use, and nothing waits for it.
type Gateways struct {
	record                                     func(audit.Event)
	connections, answers, refusals, handshakes *bound
}

// NewGateways returns what records by a function that must not wait.
func NewGateways(record func(audit.Event), now func() time.Time) *Gateways {
	return &Gateways{
		record: record, connections: newBound(connectionsMost, connectionsOfOne, now), answers: newBound(answersMost, answersOfOne, now),
		refusals: newBound(refusalsMost, refusalsOfOne, now), handshakes: newBound(refusalsMost, refusalsOfOne, now),
	}
}

// GatewayDetails are those of a gateway that comes or goes.
type GatewayDetails struct {
	Group    string `json:"group"`
	Address  string `json:"address"`
	Identity string `json:"identity,omitempty"`
	// CertificateEnds is when the certificate by which it is connected ends.
	CertificateEnds time.Time `json:"certificateEnds,omitzero"`
	Envoy           string    `json:"envoy,omitempty"`
	Protocol        string    `json:"protocol"`
}

// ResponseDetails are those of an answer of a gateway.
type ResponseDetails struct {
	GatewayDetails
	// Type is the short name of the type, such as ECDS, and Version that of the response.
	Type    string `json:"type"`
	Version string `json:"version"`
	// Resources are those that it is about, the first hundred.
	Resources []string `json:"resources,omitempty"`
	// Origins are the places in the files that what is refused was made of.
	Origins []string `json:"origins,omitempty"`
}

// RefusalDetails are those of what a peer is refused.
type RefusalDetails struct {
	// Kind is that of portreeve_xds_refused_total.
	Kind     string `json:"kind"`
	Address  string `json:"address"`
	Node     string `json:"node,omitempty"`
	Identity string `json:"identity,omitempty"`
}

// LeftOutDetails count what the record has no event of, by what it was.
type LeftOutDetails struct {
	LeftOut map[string]int `json:"leftOut"`
}

// Observe records what happened on a stream. Of answers it records those that refuse something, each once however often it
// is sent again, and those that take what was refused.
func (g *Gateways) Observe(e ack.Event) {
	switch {
	case e.Kind == ack.Connected:
		g.stream(audit.GatewayConnected, e.Peer, "connected")
	case e.Kind == ack.Disconnected:
		g.stream(audit.GatewayDisconnected, e.Peer, "disconnected")
	case e.Kind == ack.ResponseRefused && e.Refusal != nil && !e.Refusal.Again:
		g.answer(audit.ResponseRefused, e)
	case e.Kind == ack.ResponseAccepted && len(e.Mended) > 0:
		g.answer(audit.ResponseAccepted, e)
	}
}

func (g *Gateways) stream(t audit.Type, p ack.Peer, what string) {
	if !g.connections.takes(hostOf(p.Address)+" "+p.Node, t, what) {
		return
	}
	g.record(audit.Event{
		Type: t, Subject: p.Node, Outcome: audit.Success, Namespaces: namespaces(p.Group),
		Message: "gateway " + p.Node + " " + what, Details: gatewayDetails(p),
	})
}

func (g *Gateways) answer(t audit.Type, e ack.Event) {
	if !g.answers.takes(hostOf(e.Peer.Address)+" "+e.Peer.Node, t, e.Name) {
		return
	}
	out := audit.Event{Type: t, Subject: e.Peer.Node, Namespaces: namespaces(e.Peer.Group)}
	details := ResponseDetails{GatewayDetails: gatewayDetails(e.Peer), Type: e.Name, Version: e.Version, Resources: few(e.Mended)}
	out.Outcome, out.Message = audit.Success, fmt.Sprintf("gateway %s takes %s that it had refused", e.Peer.Node, e.Name)
	if e.Refusal != nil {
		details.Resources, details.Origins = few(e.Refusal.Resources), few(placesOf(e.Refusal))
		out.Outcome, out.Message = audit.Refused, fmt.Sprintf("gateway %s refused %s and stays on what it had: %s", e.Peer.Node, e.Name, scrubbed(e.Refusal.Message))
	}
	out.Details = details
	g.record(out)
}

// Refused records what a peer was refused, within the bounds of a minute.
func (g *Gateways) Refused(r server.Refusal) {
	within := g.refusals
	if r.Node == "" {
		within = g.handshakes
	}
	// Whoever is known by a certificate is one, wherever it comes from.
	if !within.takes(cmp.Or(r.Identity, hostOf(r.Peer)), audit.GatewayRefused, r.Kind) {
		return
	}
	who := cmp.Or(r.Node, r.Identity, r.Peer)
	g.record(audit.Event{
		Type: audit.GatewayRefused, Subject: who, Outcome: audit.Refused, Message: "gateway " + who + " refused: " + r.Reason,
		Details: RefusalDetails{Kind: r.Kind, Address: r.Peer, Node: r.Node, Identity: r.Identity},
	})
}

// Run records each minute, and at the end, how many events the bounds kept back, until ctx ends.
func (g *Gateways) Run(ctx context.Context) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			g.Rest()
			return
		case <-tick.C:
			g.Rest()
		}
	}
}

// Rest records how many events the bounds kept back since it was called last.
func (g *Gateways) Rest() {
	for _, b := range []*bound{g.connections, g.answers, g.refusals, g.handshakes} {
		left := b.rest()
		for _, t := range slices.Sorted(maps.Keys(left)) {
			g.leftOut(t, left[t])
		}
	}
}

func (g *Gateways) leftOut(t audit.Type, counts map[string]int) {
	all := 0
	for _, n := range counts {
		all += n
	}
	outcome := audit.Success
	if t == audit.GatewayRefused || t == audit.ResponseRefused {
		outcome = audit.Refused
	}
	g.record(audit.Event{
		Type: t, Outcome: outcome, Message: fmt.Sprintf("%d further events of this type are left out, more than a minute may have", all),
		Details: LeftOutDetails{LeftOut: counts},
	})
}

func gatewayDetails(p ack.Peer) GatewayDetails {
	return GatewayDetails{Group: p.Group, Address: p.Address, Identity: p.Identity, CertificateEnds: p.CertificateEnds.UTC(), Envoy: p.Envoy, Protocol: string(p.Protocol)}
}

func placesOf(r *ack.Refusal) []string {
	out := make([]string, len(r.Origins))
	for i, place := range r.Origins {
		out[i] = place.String()
	}
	return out
}

// The bounds of a list in details, and of each text in it, in bytes: more than a line may have of details is left out whole.
const (
	maxFew  = 100
	maxText = 256
)

// few returns the first of a list, each cut.
func few(list []string) []string {
	out := make([]string, min(len(list), maxFew))
	for i := range out {
		out[i] = cut(list[i])
	}
	return out
}

func cut(text string) string {
	if len(text) <= maxText {
		return text
	}
	return strings.ToValidUTF8(text[:maxText], "") + "…"
}

// namespaces returns that of a group, by its key.
func namespaces(group string) []string {
	if quoted, err := strconv.QuotedPrefix(group); err == nil {
		if name, err := strconv.Unquote(quoted); err == nil {
			return []string{name}
		}
	}
	name, _, _ := strings.Cut(group, "{")
	return []string{name}
}

// hostOf returns an address without its port.
func hostOf(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return host
}
