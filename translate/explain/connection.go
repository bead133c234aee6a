package explain

import (
	tcpproxyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// tcpProxy is the filter that sends a connection on.
func tcpProxy(c *tcpproxyv3.TcpProxy) filter {
	var clusters []WeightedCluster
	for _, t := range c.GetWeightedClusters().GetClusters() {
		clusters = append(clusters, WeightedCluster{Name: t.GetName(), Weight: t.GetWeight()})
	}
	if c.GetCluster() != "" {
		clusters = []WeightedCluster{{Name: c.GetCluster()}}
	}
	return func(w *walk) {
		w.destination = &Destination{
			Listener: w.asking.listener.name, Chain: w.chain.name, Clusters: clusters,
			At: w.asking.gateway.origins.chain(w.asking.listener.name, w.chain.index),
		}
		for _, c := range clusters {
			reply, broken := w.asking.gateway.backends.broken(c.Name)
			if !broken {
				continue
			}
			chosen := traffic.Known(true)
			if len(clusters) > 1 {
				chosen = traffic.DependsOn("the choice of cluster " + c.Name)
			}
			w.stop(chosen, end{verdict: Closed, reply: traffic.Reply{Flags: reply.Flags}, reason: noReason})
		}
		w.stop(traffic.Known(true), end{verdict: Allowed, reason: w.allowedBy})
	}
}

// resolvesName is the filter that looks the server name up before a connection is sent on.
func resolvesName(w *walk) {
	w.notLookedAt("whether the name of the destination resolves, and to an address that may be reached")
}
