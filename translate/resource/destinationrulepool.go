package resource

import (
	"time"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
)

// connectionPoolChecker checks the limits of a traffic policy: connectionPool, outlierDetection,
// retryBudget.
type connectionPoolChecker struct{ valueChecker }

func (c connectionPoolChecker) connectionPool(path Path, p *networkingv1alpha3.ConnectionPoolSettings) {
	if p == nil {
		return
	}
	if p.GetTcp() == nil && p.GetHttp() == nil {
		c.addMissing(diag.CodeDestinationRule, path, "%s has neither tcp nor http", path).WithHint("for example tcp: {maxConnections: 100}")
	}
	tcp, at := p.GetTcp(), path.Field("tcp")
	c.notNegative(at.Field("maxConnections"), tcp.GetMaxConnections())
	c.positive(at.Field("connectTimeout"), tcp.GetConnectTimeout(), time.Millisecond)
	c.notBelowZero(at.Field("idleTimeout"), tcp.GetIdleTimeout())
	c.positive(at.Field("maxConnectionDuration"), tcp.GetMaxConnectionDuration(), time.Millisecond)
	c.positive(at.Field("tcpKeepalive", "time"), tcp.GetTcpKeepalive().GetTime(), time.Second)
	c.positive(at.Field("tcpKeepalive", "interval"), tcp.GetTcpKeepalive().GetInterval(), time.Second)
	c.httpPool(path.Field("http"), p.GetHttp())
}

func (c connectionPoolChecker) httpPool(path Path, http *networkingv1alpha3.ConnectionPoolSettings_HTTPSettings) {
	c.notNegative(path.Field("http1MaxPendingRequests"), http.GetHttp1MaxPendingRequests())
	c.notNegative(path.Field("http2MaxRequests"), http.GetHttp2MaxRequests())
	c.notNegative(path.Field("maxRequestsPerConnection"), http.GetMaxRequestsPerConnection())
	c.notNegative(path.Field("maxRetries"), http.GetMaxRetries())
	c.notNegative(path.Field("maxConcurrentStreams"), http.GetMaxConcurrentStreams())
	c.positive(path.Field("idleTimeout"), http.GetIdleTimeout(), time.Millisecond)
	c.positive(path.Field("http2KeepAlive", "interval"), http.GetHttp2KeepAlive().GetInterval(), time.Millisecond)
	c.positive(path.Field("http2KeepAlive", "timeout"), http.GetHttp2KeepAlive().GetTimeout(), time.Millisecond)
	if k := http.GetHttp2KeepAlive(); k != nil && (k.GetInterval() == nil || k.GetTimeout() == nil) {
		c.addMissing(diag.CodeDestinationRule, path.Field("http2KeepAlive"), "%s has no interval or no timeout", path.Field("http2KeepAlive")).WithHint("http2KeepAlive: {interval: 30s, timeout: 5s}")
	}
	if http.GetUseClientProtocol() && http.GetH2UpgradePolicy() == networkingv1alpha3.ConnectionPoolSettings_HTTPSettings_UPGRADE {
		c.add(diag.CodeOneOf, path.Field("useClientProtocol"), "%s has useClientProtocol beside h2UpgradePolicy: UPGRADE", path).WithHint("keep one of them")
	}
}

func (c connectionPoolChecker) outlierDetection(path Path, o *networkingv1alpha3.OutlierDetection) {
	if o == nil {
		return
	}
	c.positive(path.Field("interval"), o.GetInterval(), time.Millisecond)
	c.positive(path.Field("baseEjectionTime"), o.GetBaseEjectionTime(), time.Millisecond)
	c.percent(path.Field("maxEjectionPercent"), float64(o.GetMaxEjectionPercent()))
	c.percent(path.Field("minHealthPercent"), float64(o.GetMinHealthPercent()))
	for i, code := range o.GetOutlierDetectionHttpErrorCodes() {
		if code < 100 || code > 599 {
			at := path.Field("outlierDetectionHttpErrorCodes", i)
			c.add(diag.CodeDestinationRule, at, "%d is not the status of a response", code).WithHint("100 to 599")
		}
	}
	if o.GetConsecutiveErrors() != 0 { //nolint:staticcheck // people have it
		at := path.Field("consecutiveErrors")
		c.addKey(diag.CodeIgnoredField, at, "%s is ignored, as in Istio", at).WithHint("consecutive5xxErrors or consecutiveGatewayErrors")
	}
	if o.GetConsecutiveLocalOriginFailures().GetValue() > 0 && !o.GetSplitExternalLocalOriginErrors() {
		at := path.Field("consecutiveLocalOriginFailures")
		c.addKey(diag.CodeDestinationRule, at, "%s needs splitExternalLocalOriginErrors", at).WithHint("splitExternalLocalOriginErrors: true")
	}
}

func (c connectionPoolChecker) retryBudget(path Path, b *networkingv1alpha3.TrafficPolicy_RetryBudget) {
	c.percent(path.Field("percent"), b.GetPercent().GetValue())
	c.fromZero(path.Field("budgetInterval"), b.GetBudgetInterval())
}
