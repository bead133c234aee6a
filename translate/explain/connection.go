package explain

import (
	tcpproxyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// tcpProxy is the filter that sends a connection on.
func tcpProxy(c *tcpproxyv3.TcpProxy) connectionFilter {
	var clusters []WeightedCluster
	for _, t := range c.GetWeightedClusters().GetClusters() {
		clusters = append(clusters, WeightedCluster{Name: t.GetName(), Weight: t.GetWeight()})
	}
	if c.GetCluster() != "" {
		clusters = []WeightedCluster{{Name: c.GetCluster()}}
	}
	return func(w *walk) {
		w.destination = &Destination{Listener: w.asking.listener.name, Chain: w.chain.name, Clusters: clusters}
		w.stop(traffic.Known(true), end{verdict: Allowed, reason: noReason})
	}
}

// resolvesName is the filter that looks the server name up before a connection is sent on.
func resolvesName(*walk) {}
