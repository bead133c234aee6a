package envoy

import (
	"strings"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"

	"github.com/portreeve/portreeve/translate/model"
)

// statisticEnd ends a name that has dots within statistics, whose parts Envoy joins with dots: the
// bootstrap takes the name out by it, and makes a label of it. Istio ends the names of clusters with it too.
const statisticEnd = ";"

// countClusters says under which names clusters count.
func countClusters(clusters []*clusterv3.Cluster) {
	for _, c := range clusters {
		c.AltStatName = c.GetName() + statisticEnd
	}
}

// countListener says under which name a listener counts, where that is not its address.
func countListener(l *listenerv3.Listener) {
	if pipe := l.GetAddress().GetPipe(); pipe != nil {
		l.StatPrefix = statistic("unix:" + pipe.GetPath())
	}
}

// statistic returns a name as one part of the name of a statistic.
func statistic(name string) string { return strings.ReplaceAll(name, ".", "_") }

// envoyAdmin begins the statistics of Envoy's own admin interface.
const envoyAdmin = "admin"

// statPrefix begins the statistics of a connection manager. An HTTPS server has its own name there, unless what it refuses would
// count as that of Envoy's admin interface, which dashboards leave out.
func statPrefix(p model.Port, listener string) string {
	switch {
	case p.Server != nil && p.Server.Name != "" && p.Server.Name != envoyAdmin:
		return statistic(p.Server.Name)
	case strings.HasPrefix(listener, "unix:"):
		return statistic("outbound_" + listener)
	default:
		return "outbound_" + listener
	}
}
