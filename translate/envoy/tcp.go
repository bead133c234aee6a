package envoy

import (
	"slices"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	tcpproxyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"

	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/model"
)

// chainListener renders a port of connections: a filter chain for each way that they can
// go. A connection that no chain takes is closed. Nothing in it comes from a policy or from
// a certificate; routes of connections that are forwarded it holds itself, since Envoy has
// no discovery for those.
func chainListener(v model.View, p model.Port, d delivery) *listenerv3.Listener {
	out := &listenerv3.Listener{
		Name:             listenerName(p),
		Address:          listenAddress(p),
		TrafficDirection: corev3.TrafficDirection_OUTBOUND,
	}
	if p.Traffic.Secure() {
		out.ListenerFilters = []*listenerv3.ListenerFilter{tlsInspector()}
	}
	for _, c := range p.Chains {
		out.FilterChains = append(out.FilterChains, filterChain(v, p, c, d))
	}
	return out
}

func filterChain(v model.View, p model.Port, c model.Chain, d delivery) *listenerv3.FilterChain {
	out := &listenerv3.FilterChain{FilterChainMatch: chainMatch(c)}
	if closed(v, p, c) {
		return out
	}
	if c.HTTP != nil {
		out.Filters = managerFilters(*c.HTTP, listenerName(p), d)
	} else {
		out.Filters = networkFilters(v, p, c, d)
	}
	if c.TLS != nil {
		setTLS(out, c.TLS, d)
	}
	return out
}

// closed reports a chain that leads nowhere. It takes its connections all the same, and Envoy
// closes them for want of a filter: without it a chain for more names would send them on.
func closed(v model.View, p model.Port, c model.Chain) bool {
	_, tunnelled := tunnelOf(v, p, c)
	_, named := namedFilters(v, p, c)
	return !tunnelled || !named
}

// chainMatch takes TLS connections by the name that the client asks for. Unlike Istio's, the
// chain for any name takes TLS only: what is no TLS is not for a TLS server.
func chainMatch(c model.Chain) *listenerv3.FilterChainMatch {
	switch {
	case len(c.ServerNames) == 0:
		return nil
	case c.ServerNames[0] == "*":
		return &listenerv3.FilterChainMatch{TransportProtocol: "tls"}
	}
	out := &listenerv3.FilterChainMatch{TransportProtocol: "tls"}
	for _, name := range c.ServerNames {
		out.ServerNames = append(out.ServerNames, string(name))
	}
	return out
}

// networkFilters returns the filter chain of a way: all of network policy, in the order of
// that package policy gives it, and then the proxy. The order decides security.
func networkFilters(v model.View, p model.Port, c model.Chain, d delivery) []*listenerv3.Filter {
	named, _ := namedFilters(v, p, c)
	filters := slices.Concat(d.network, named)
	return append(filters, &listenerv3.Filter{
		Name:       "envoy.filters.network.tcp_proxy",
		ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: match.Any(setConnections(tcpProxy(v, p, c), v, p, c.Route, c.Hosts))},
	})
}

// tcpProxy forwards to the destinations that can receive traffic, named in statistics as
// Istio names them.
func tcpProxy(v model.View, p model.Port, c model.Chain) *tcpproxyv3.TcpProxy {
	logs := accessLogs(v)
	targets := weighted(v, p, c.Route, c.Hosts)
	through, _ := tunnelOf(v, p, c)
	if len(targets) == 1 {
		name := targets[0].GetName()
		return &tcpproxyv3.TcpProxy{StatPrefix: name + statisticEnd, AccessLog: logs, TunnelingConfig: through, ClusterSpecifier: &tcpproxyv3.TcpProxy_Cluster{Cluster: name}}
	}
	clusters := make([]*tcpproxyv3.TcpProxy_WeightedCluster_ClusterWeight, 0, len(targets))
	for _, t := range targets {
		clusters = append(clusters, &tcpproxyv3.TcpProxy_WeightedCluster_ClusterWeight{Name: t.GetName(), Weight: t.GetWeight().GetValue()})
	}
	return &tcpproxyv3.TcpProxy{
		StatPrefix:       c.VirtualService.Name + "." + c.VirtualService.Namespace + statisticEnd,
		AccessLog:        logs,
		TunnelingConfig:  through,
		ClusterSpecifier: &tcpproxyv3.TcpProxy_WeightedClusters{WeightedClusters: &tcpproxyv3.TcpProxy_WeightedCluster{Clusters: clusters}},
	}
}
