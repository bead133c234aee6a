package explain

import (
	"slices"
	"strconv"
	"strings"

	"github.com/portreeve/portreeve/translate/explain/route"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// routerFilter is the name by which findings about routes are told.
const routerFilter = "envoy.filters.http.router"

// router is the filter that sends a request on, or answers as its route says.
func router(w *walk) {
	for _, c := range w.chosen {
		w.routed(c)
	}
}

// routed ends the request at one of the routes that it may take, where it takes none before.
func (w *walk) routed(c route.Candidate) {
	outcome := c.Outcome(w.stream)
	w.notLookedAt(outcome.NotKnown...)
	reason := noReason
	if c.VirtualHost != nil {
		reason = w.routeFinding(c.If, c)
	} else if !c.If.Fails() {
		w.untaken()
	}
	if outcome.Reply != nil {
		w.stop(c.If, end{verdict: Answered, reply: *outcome.Reply, reason: reason})
		return
	}
	d := w.goal(c, outcome)
	if c.If.Holds() && len(w.chosen) == 1 {
		w.destination = d
	}
	w.sent(c.If, d.Clusters, reason)
}

// mostUntaken is how many routes are told of where none is taken.
const mostUntaken = 10

// untaken notes the routes that the request does not take, and why.
func (w *walk) untaken() {
	m := w.chain.manager
	for _, l := range m.routes.Looked(w.stream, mostUntaken) {
		w.places = append(w.places, place{finding: w.found(l.Finding), host: l.HostIndex, route: l.RouteIndex})
	}
}

// sent ends the request at clusters of which Envoy chooses one. Those that cannot answer are ends of their own.
func (w *walk) sent(when traffic.Condition, clusters []WeightedCluster, reason int) {
	for _, c := range clusters {
		reply, broken := w.asking.gateway.backends.broken(c.Name)
		if !broken {
			continue
		}
		chosen := when
		if len(clusters) > 1 {
			chosen = when.And(traffic.DependsOn("the choice of cluster " + c.Name))
		}
		w.stop(chosen, end{verdict: Answered, reply: reply, reason: reason})
	}
	if w.allowedBy >= 0 {
		reason = w.allowedBy
	}
	w.stop(when, end{verdict: Allowed, reason: reason})
}

// goal is where a route leads. What its clusters see alike is what is said of them.
func (w *walk) goal(c route.Candidate, o route.Outcome) *Destination {
	out := &Destination{
		Listener: w.asking.listener.name, Chain: w.chain.name, VirtualHost: c.VirtualHost.GetName(), Route: c.Route.GetName(),
		At: w.asking.gateway.origins.route(w.chain.manager.named, c.HostIndex, c.RouteIndex),
	}
	var unsure []func(string) bool
	for i, b := range o.Backends {
		unsure = append(unsure, func(name string) bool {
			_, known := b.Headers.Values(name)
			return !known
		})
		out.Clusters = append(out.Clusters, WeightedCluster{Name: b.Cluster, Weight: b.Weight})
		headers := ofClient(b.Headers.Lines())
		if i == 0 {
			out.Authority, out.Path, out.Headers = b.Authority, b.Path, headers
			continue
		}
		if out.Authority != b.Authority {
			out.Authority = ""
		}
		if !slices.Equal(out.Headers, headers) {
			out.Headers = nil
			unsure = append(unsure, func(name string) bool { return !strings.HasPrefix(name, ":") })
			w.notLookedAt("headers that differ by the cluster that is chosen")
		}
	}
	out.unsure = unsure
	return out
}

// ofClient leaves out what Envoy adds for itself.
func ofClient(lines []traffic.Header) []traffic.Header {
	out := lines[:0]
	for _, l := range lines {
		if !addedByEnvoy(l) {
			out = append(out, l)
		}
	}
	return out
}

// routeFinding notes that a route may be taken, once, and returns the index of the finding.
func (w *walk) routeFinding(when traffic.Condition, c route.Candidate) int {
	for _, p := range w.places {
		if p.host == c.HostIndex && p.route == c.RouteIndex {
			return p.finding
		}
	}
	i := w.found(traffic.Finding{Filter: routerFilter, Rule: routeName(c), Kind: traffic.Routes, Matched: when})
	w.places = append(w.places, place{finding: i, host: c.HostIndex, route: c.RouteIndex})
	return i
}

// routeName is the name of a route; where nobody gave it one, its place among the others.
func routeName(c route.Candidate) string {
	switch {
	case c.Route.GetName() != "":
		return c.Route.GetName()
	case c.Route == nil:
		return c.VirtualHost.GetName()
	default:
		return c.VirtualHost.GetName() + " route " + strconv.Itoa(c.RouteIndex)
	}
}

// resolvesHost is the filter that looks the host of a request up before it is sent on.
func resolvesHost(name string) filter {
	return func(w *walk) {
		for _, c := range w.chosen {
			if told, ok := c.Filter(name); ok && !told.Disabled {
				w.notLookedAt("whether the name of the destination resolves, and to an address that may be reached")
				return
			}
		}
	}
}
