package explain

import (
	"strconv"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"

	"github.com/portreeve/portreeve/translate/explain/route"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

func faults() filter { return func(*walk) {} }

func crossOrigin() filter { return func(*walk) {} }

// router is the filter that sends a request on, or answers as its route says.
func router() filter {
	return func(w *walk) {
		for _, c := range w.chosen {
			w.routed(c)
		}
	}
}

// routed ends the request at one of the routes that it may take.
func (w *walk) routed(c route.Candidate) {
	reason := noReason
	if c.Route == nil {
		w.stop(c.If, end{verdict: Answered, reply: traffic.Reply{Status: 404, Details: "route_not_found", Flags: "NR"}, reason: reason})
		return
	}
	w.stream.Findings = append(w.stream.Findings, traffic.Finding{Filter: w.chain.manager.named, Rule: routePart(c), Kind: traffic.Routes, Matched: c.If})
	reason = len(w.stream.Findings) - 1
	switch a := c.Route.GetAction().(type) {
	case *routev3.Route_DirectResponse:
		body := a.DirectResponse.GetBody().GetInlineString()
		w.stop(c.If, end{verdict: Answered, reply: traffic.Reply{Status: a.DirectResponse.GetStatus(), Body: body, Details: "direct_response"}, reason: reason})
	case *routev3.Route_Redirect:
		w.stop(c.If, end{verdict: Answered, reply: traffic.Reply{Status: 301, Details: "direct_response"}, reason: reason})
	case *routev3.Route_Route:
		w.sent(c, a.Route, reason)
	}
}

func (w *walk) sent(c route.Candidate, a *routev3.RouteAction, reason int) {
	d := &Destination{Listener: w.asking.listener.name, Chain: w.chain.name, VirtualHost: c.VirtualHost.GetName(), Route: c.Route.GetName()}
	for _, t := range a.GetWeightedClusters().GetClusters() {
		d.Clusters = append(d.Clusters, WeightedCluster{Name: t.GetName(), Weight: t.GetWeight().GetValue()})
	}
	if a.GetCluster() != "" {
		d.Clusters = []WeightedCluster{{Name: a.GetCluster()}}
	}
	d.Authority, _ = w.stream.Headers.First(":authority")
	d.Path, _ = w.stream.Headers.First(":path")
	d.Headers = w.stream.Headers.Lines()
	if c.If.Holds() {
		w.destination = d
	}
	if len(d.Clusters) == 1 && !w.asking.gateway.backends[d.Clusters[0].Name].there {
		w.stop(c.If, end{verdict: Answered, reply: traffic.Reply{Status: 503, Details: "cluster_not_found", Flags: "NC"}, reason: reason})
		return
	}
	w.stop(c.If, end{verdict: Allowed, reason: reason})
}

// routePart names a route as Trace does.
func routePart(c route.Candidate) string {
	return "VirtualHosts[" + strconv.Itoa(c.HostIndex) + "].Routes[" + strconv.Itoa(c.RouteIndex) + "]"
}
