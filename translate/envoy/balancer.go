package envoy

import (
	"slices"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	tcpproxyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/model"
)

// minimumRing is the size of a ring where a DestinationRule names neither size nor algorithm.
const minimumRing = 1024

// setBalancer chooses how endpoints are chosen; without a word the least loaded of two.
func setBalancer(c *clusterv3.Cluster, u upstream) {
	l := u.policy.GetLoadBalancer()
	if weighsLocalities(u) {
		balancing(c).LocalityConfigSpecifier = &clusterv3.Cluster_CommonLbConfig_LocalityWeightedLbConfig_{LocalityWeightedLbConfig: &clusterv3.Cluster_CommonLbConfig_LocalityWeightedLbConfig{}}
	}
	if l.GetConsistentHash() != nil {
		setHashing(c, l.GetConsistentHash())
		return
	}
	if l.GetBackendUtilization() != nil {
		setUtilization(c, l.GetBackendUtilization())
		return
	}
	switch l.GetSimple() {
	case networkingv1alpha3.LoadBalancerSettings_RANDOM:
		c.LbPolicy = clusterv3.Cluster_RANDOM
	case networkingv1alpha3.LoadBalancerSettings_ROUND_ROBIN:
		c.LbPolicy = clusterv3.Cluster_ROUND_ROBIN
		if slow := slowStart(l); slow != nil {
			c.LbConfig = &clusterv3.Cluster_RoundRobinLbConfig_{RoundRobinLbConfig: &clusterv3.Cluster_RoundRobinLbConfig{SlowStartConfig: slow}}
		}
	case networkingv1alpha3.LoadBalancerSettings_PASSTHROUGH:
		// The gateway's own address is where its connections were going, and Envoy does not
		// take that for an endpoint: requests answer 503.
		c.LbPolicy, c.EdsClusterConfig = clusterv3.Cluster_CLUSTER_PROVIDED, nil
		c.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_ORIGINAL_DST}
	default:
		c.LbPolicy = clusterv3.Cluster_LEAST_REQUEST
		if slow := slowStart(l); slow != nil {
			c.LbConfig = &clusterv3.Cluster_LeastRequestLbConfig_{LeastRequestLbConfig: &clusterv3.Cluster_LeastRequestLbConfig{SlowStartConfig: slow}}
		}
	}
}

func setHashing(c *clusterv3.Cluster, h *networkingv1alpha3.LoadBalancerSettings_ConsistentHashLB) {
	if m := h.GetMaglev(); m != nil {
		c.LbPolicy = clusterv3.Cluster_MAGLEV
		if m.GetTableSize() > 0 {
			c.LbConfig = &clusterv3.Cluster_MaglevLbConfig_{MaglevLbConfig: &clusterv3.Cluster_MaglevLbConfig{TableSize: wrapperspb.UInt64(m.GetTableSize())}}
		}
		return
	}
	c.LbPolicy = clusterv3.Cluster_RING_HASH
	size := uint64(minimumRing)
	switch ring := h.GetRingHash(); {
	case ring != nil:
		size = ring.GetMinimumRingSize()
	case h.GetMinimumRingSize() > 0: //nolint:staticcheck // people have it
		size = h.GetMinimumRingSize() //nolint:staticcheck // people have it
	}
	if size > 0 {
		c.LbConfig = &clusterv3.Cluster_RingHashLbConfig_{RingHashLbConfig: &clusterv3.Cluster_RingHashLbConfig{MinimumRingSize: wrapperspb.UInt64(size)}}
	}
}

// slowStart lets an endpoint's share grow while it is new, or is nil.
func slowStart(l *networkingv1alpha3.LoadBalancerSettings) *clusterv3.Cluster_SlowStartConfig {
	w := l.GetWarmup()
	switch {
	case w == nil && l.GetWarmupDurationSecs() == nil:
		return nil
	case w == nil:
		return &clusterv3.Cluster_SlowStartConfig{SlowStartWindow: l.GetWarmupDurationSecs()}
	}
	out := &clusterv3.Cluster_SlowStartConfig{SlowStartWindow: w.GetDuration()}
	if p := w.GetMinimumPercent(); p != nil {
		out.MinWeightPercent = &typev3.Percent{Value: p.GetValue()}
	}
	if a := w.GetAggression(); a != nil {
		// Envoy wants a name for it. Nothing is set under that name.
		out.Aggression = &corev3.RuntimeDouble{DefaultValue: a.GetValue(), RuntimeKey: "portreeve.slow_start.aggression"}
	}
	return out
}

// hashPolicies says by what a route's requests are told apart where the clusters that it
// leads to choose endpoints by a hash. hosts are the destinations' hosts, resolved. One that
// receives nothing has no say.
func hashPolicies[D destination](v model.View, p model.Port, route []D, hosts []model.Host) []*routev3.RouteAction_HashPolicy {
	var out []*routev3.RouteAction_HashPolicy
	for i, d := range route {
		hash := v.Policy(d.GetDestination(), hosts[i], p.Number).GetLoadBalancer().GetConsistentHash()
		policy := hashPolicy(hash)
		if policy == nil || !model.Receives(route, d) || slices.ContainsFunc(out, func(o *routev3.RouteAction_HashPolicy) bool { return proto.Equal(o, policy) }) {
			continue
		}
		out = append(out, policy)
	}
	return out
}

func hashPolicy(h *networkingv1alpha3.LoadBalancerSettings_ConsistentHashLB) *routev3.RouteAction_HashPolicy {
	switch key := h.GetHashKey().(type) {
	case *networkingv1alpha3.LoadBalancerSettings_ConsistentHashLB_HttpHeaderName:
		return &routev3.RouteAction_HashPolicy{PolicySpecifier: &routev3.RouteAction_HashPolicy_Header_{Header: &routev3.RouteAction_HashPolicy_Header{HeaderName: key.HttpHeaderName}}}
	case *networkingv1alpha3.LoadBalancerSettings_ConsistentHashLB_HttpCookie:
		cookie := &routev3.RouteAction_HashPolicy_Cookie{Name: key.HttpCookie.GetName(), Path: key.HttpCookie.GetPath(), Ttl: key.HttpCookie.GetTtl()}
		for _, a := range key.HttpCookie.GetAttributes() {
			cookie.Attributes = append(cookie.Attributes, &routev3.RouteAction_HashPolicy_CookieAttribute{Name: a.GetName(), Value: a.GetValue()})
		}
		return &routev3.RouteAction_HashPolicy{PolicySpecifier: &routev3.RouteAction_HashPolicy_Cookie_{Cookie: cookie}}
	case *networkingv1alpha3.LoadBalancerSettings_ConsistentHashLB_UseSourceIp:
		return &routev3.RouteAction_HashPolicy{PolicySpecifier: &routev3.RouteAction_HashPolicy_ConnectionProperties_{ConnectionProperties: &routev3.RouteAction_HashPolicy_ConnectionProperties{SourceIp: key.UseSourceIp}}}
	case *networkingv1alpha3.LoadBalancerSettings_ConsistentHashLB_HttpQueryParameterName:
		return &routev3.RouteAction_HashPolicy{PolicySpecifier: &routev3.RouteAction_HashPolicy_QueryParameter_{QueryParameter: &routev3.RouteAction_HashPolicy_QueryParameter{Name: key.HttpQueryParameterName}}}
	default:
		return nil
	}
}

// setConnections sets on a proxy of connections what DestinationRules say of its first
// destination: how long it may be idle, and whether endpoints are chosen by the client's address.
func setConnections[D destination](out *tcpproxyv3.TcpProxy, v model.View, p model.Port, route []D, hosts []model.Host) *tcpproxyv3.TcpProxy {
	if len(route) == 0 {
		return out
	}
	policy := v.Policy(route[0].GetDestination(), hosts[0], p.Number)
	out.IdleTimeout = policy.GetConnectionPool().GetTcp().GetIdleTimeout()
	if policy.GetLoadBalancer().GetConsistentHash().GetUseSourceIp() {
		out.HashPolicy = []*typev3.HashPolicy{{PolicySpecifier: &typev3.HashPolicy_SourceIp_{SourceIp: &typev3.HashPolicy_SourceIp{}}}}
	}
	return out
}
