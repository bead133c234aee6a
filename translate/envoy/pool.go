package envoy

import (
	"math"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"
)

// setPool sets the limits of connections and requests. A limit of 0 is none, as in Istio.
func setPool(c *clusterv3.Cluster, pool *networkingv1alpha3.ConnectionPoolSettings, budget *networkingv1alpha3.TrafficPolicy_RetryBudget) {
	limits, http := c.GetCircuitBreakers().GetThresholds()[0], pool.GetHttp()
	limits.MaxConnections = limit(pool.GetTcp().GetMaxConnections())
	limits.MaxPendingRequests = limit(http.GetHttp1MaxPendingRequests())
	limits.MaxRequests = limit(http.GetHttp2MaxRequests())
	limits.MaxRetries = limit(http.GetMaxRetries())
	if budget != nil {
		limits.RetryBudget = retryBudget(budget)
	}
	if t := pool.GetTcp().GetConnectTimeout(); t != nil {
		c.ConnectTimeout = t
	}
	if k := pool.GetTcp().GetTcpKeepalive(); k != nil {
		setKeepalive(c, k)
	}
}

func limit(n int32) *wrapperspb.UInt32Value {
	if n <= 0 {
		return wrapperspb.UInt32(math.MaxUint32)
	}
	return wrapperspb.UInt32(uint32(n))
}

func retryBudget(b *networkingv1alpha3.TrafficPolicy_RetryBudget) *clusterv3.CircuitBreakers_Thresholds_RetryBudget {
	out := &clusterv3.CircuitBreakers_Thresholds_RetryBudget{}
	if p := b.GetPercent(); p != nil {
		out.BudgetPercent = &typev3.Percent{Value: p.GetValue()}
	}
	if n := b.GetMinRetryConcurrency(); n > 0 {
		out.MinRetryConcurrency = wrapperspb.UInt32(n)
	}
	out.BudgetInterval = b.GetBudgetInterval()
	return out
}

// keepalive is what the mesh configuration and a DestinationRule say of probes.
type keepalive interface {
	GetProbes() uint32
	GetTime() *durationpb.Duration
	GetInterval() *durationpb.Duration
}

// setKeepalive lays probes over those that the cluster has, field by field: a host's over the mesh's.
func setKeepalive(c *clusterv3.Cluster, k keepalive) {
	probes := c.GetUpstreamConnectionOptions().GetTcpKeepalive()
	if probes == nil {
		probes = &corev3.TcpKeepalive{}
	}
	if n := k.GetProbes(); n > 0 {
		probes.KeepaliveProbes = wrapperspb.UInt32(n)
	}
	if t := k.GetTime(); t != nil {
		probes.KeepaliveTime = wrapperspb.UInt32(uint32(t.GetSeconds())) //nolint:gosec // bounded by validation
	}
	if t := k.GetInterval(); t != nil {
		probes.KeepaliveInterval = wrapperspb.UInt32(uint32(t.GetSeconds())) //nolint:gosec // bounded by validation
	}
	c.UpstreamConnectionOptions = &clusterv3.UpstreamConnectionOptions{TcpKeepalive: probes}
}

// protocolOptions says how HTTP is spoken to an upstream; nil is HTTP/1.1 without more.
func protocolOptions(u upstream) *httpv3.HttpProtocolOptions {
	pool := u.policy.GetConnectionPool()
	common, upstream := commonOptions(pool), namesOf(u).options()
	h2, client := spokenHTTP2(u), pool.GetHttp().GetUseClientProtocol()
	outliers := outlierErrors(u.policy.GetOutlierDetection())
	if common == nil && upstream == nil && outliers == nil && !h2 && !client {
		return nil
	}
	out := &httpv3.HttpProtocolOptions{}
	switch {
	case client:
		out.UpstreamProtocolOptions = &httpv3.HttpProtocolOptions_UseDownstreamProtocolConfig{UseDownstreamProtocolConfig: &httpv3.HttpProtocolOptions_UseDownstreamHttpConfig{
			HttpProtocolOptions: &corev3.Http1ProtocolOptions{}, Http2ProtocolOptions: http2Options(pool.GetHttp()),
		}}
	case h2:
		out = http2Upstream()
		out.GetExplicitHttpConfig().ProtocolConfig = &httpv3.HttpProtocolOptions_ExplicitHttpConfig_Http2ProtocolOptions{Http2ProtocolOptions: http2Options(pool.GetHttp())}
	default:
		out.UpstreamProtocolOptions = &httpv3.HttpProtocolOptions_ExplicitHttpConfig_{ExplicitHttpConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig{
			ProtocolConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_HttpProtocolOptions{HttpProtocolOptions: &corev3.Http1ProtocolOptions{}},
		}}
	}
	out.CommonHttpProtocolOptions, out.UpstreamHttpProtocolOptions, out.OutlierDetection = common, upstream, outliers
	return out
}

func http2Options(http *networkingv1alpha3.ConnectionPoolSettings_HTTPSettings) *corev3.Http2ProtocolOptions {
	out := &corev3.Http2ProtocolOptions{}
	if n := http.GetMaxConcurrentStreams(); n > 0 {
		out.MaxConcurrentStreams = wrapperspb.UInt32(uint32(n))
	}
	if k := http.GetHttp2KeepAlive(); k != nil {
		out.ConnectionKeepalive = &corev3.KeepaliveSettings{Interval: k.GetInterval(), Timeout: k.GetTimeout()}
	}
	return out
}

// commonOptions returns the limits of a connection's life, or nil where there are none.
func commonOptions(pool *networkingv1alpha3.ConnectionPoolSettings) *corev3.HttpProtocolOptions {
	out := &corev3.HttpProtocolOptions{IdleTimeout: firstDuration(pool.GetHttp().GetIdleTimeout(), pool.GetTcp().GetIdleTimeout()), MaxConnectionDuration: pool.GetTcp().GetMaxConnectionDuration()}
	if n := pool.GetHttp().GetMaxRequestsPerConnection(); n > 0 {
		out.MaxRequestsPerConnection = wrapperspb.UInt32(uint32(n))
	}
	if out.IdleTimeout == nil && out.MaxConnectionDuration == nil && out.MaxRequestsPerConnection == nil {
		return nil
	}
	return out
}

func firstDuration(a, b *durationpb.Duration) *durationpb.Duration {
	if a != nil {
		return a
	}
	return b
}

// setOutliers makes Envoy leave out endpoints that answer with errors. Only what is counted
// in a row is enforced, as in Istio: success rates need more endpoints than most have.
func setOutliers(c *clusterv3.Cluster, o *networkingv1alpha3.OutlierDetection) {
	if o == nil {
		return
	}
	out := &clusterv3.OutlierDetection{Interval: o.GetInterval(), BaseEjectionTime: o.GetBaseEjectionTime(), EnforcingSuccessRate: wrapperspb.UInt32(0)}
	out.Consecutive_5Xx, out.EnforcingConsecutive_5Xx = inARow(o.GetConsecutive_5XxErrors())
	out.ConsecutiveGatewayFailure, out.EnforcingConsecutiveGatewayFailure = inARow(o.GetConsecutiveGatewayErrors())
	if n := o.GetMaxEjectionPercent(); n > 0 {
		out.MaxEjectionPercent = wrapperspb.UInt32(uint32(n))
	}
	if o.GetSplitExternalLocalOriginErrors() {
		out.SplitExternalLocalOriginErrors = true
		if n := o.GetConsecutiveLocalOriginFailures(); n.GetValue() > 0 {
			out.ConsecutiveLocalOriginFailure, out.EnforcingConsecutiveLocalOriginFailure = inARow(n)
		}
		out.EnforcingLocalOriginSuccessRate = wrapperspb.UInt32(0)
	}
	c.OutlierDetection = out
	// Envoy would send to all endpoints, bad ones too, once half of them are bad.
	balancing(c).HealthyPanicThreshold = &typev3.Percent{Value: float64(max(o.GetMinHealthPercent(), 0))}
}

// inARow returns how many errors count, and whether that is enforced: 0 switches it off.
func inARow(n *wrapperspb.UInt32Value) (errors, enforced *wrapperspb.UInt32Value) {
	switch {
	case n == nil:
		return nil, nil
	case n.GetValue() == 0:
		// Envoy wants a number of errors from 1 on.
		return nil, wrapperspb.UInt32(0)
	default:
		return wrapperspb.UInt32(n.GetValue()), wrapperspb.UInt32(100)
	}
}

// balancing returns the part of a cluster that all load balancers share.
func balancing(c *clusterv3.Cluster) *clusterv3.Cluster_CommonLbConfig {
	if c.CommonLbConfig == nil {
		c.CommonLbConfig = &clusterv3.Cluster_CommonLbConfig{}
	}
	return c.CommonLbConfig
}
