package resource

import (
	"math/big"
	"slices"
	"strings"
	"time"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
)

// loadBalancerChecker checks loadBalancer, of a DestinationRule or, its localities, of the mesh
// configuration.
type loadBalancerChecker struct{ valueChecker }

func (c loadBalancerChecker) loadBalancer(path Path, l *networkingv1alpha3.LoadBalancerSettings, outlier *networkingv1alpha3.OutlierDetection) {
	if l == nil {
		return
	}
	if l.GetSimple() == networkingv1alpha3.LoadBalancerSettings_PASSTHROUGH {
		c.add(diag.CodePassthroughLB, path.Field("simple"), "PASSTHROUGH sends requests where the client's connection was going, which is the gateway itself, so they answer 503").
			WithHint("LEAST_REQUEST, ROUND_ROBIN or RANDOM")
	}
	c.consistentHash(path.Field("consistentHash"), l.GetConsistentHash())
	c.utilization(path.Field("backendUtilization"), l.GetBackendUtilization())
	c.warmup(path, l)
	c.localities(path.Field("localityLbSetting"), l.GetLocalityLbSetting(), outlier)
}

// utilization checks how what backends say of their load becomes their share.
func (c loadBalancerChecker) utilization(path Path, u *networkingv1alpha3.LoadBalancerSettings_BackendUtilizationLB) {
	c.fromZero(path.Field("weightStabilizationPeriod"), u.GetWeightStabilizationPeriod())
	c.positive(path.Field("weightExpirationPeriod"), u.GetWeightExpirationPeriod(), time.Millisecond)
	c.positive(path.Field("weightUpdatePeriod"), u.GetWeightUpdatePeriod(), 100*time.Millisecond)
	for i, name := range u.GetMetricNamesForComputingUtilization() {
		if name == "" {
			at := path.Field("metricNamesForComputingUtilization", i)
			c.add(diag.CodeEmptyValue, at, "the name of the metric is empty").WithHint("for example named_metrics.queue, or cpu_utilization")
		}
	}
}

// The sizes of tables that Envoy takes.
const (
	maxRing   = 8 << 20
	maxMaglev = 5000011
)

func (c loadBalancerChecker) consistentHash(path Path, h *networkingv1alpha3.LoadBalancerSettings_ConsistentHashLB) {
	if h == nil {
		return
	}
	const hint = "httpHeaderName, httpCookie, useSourceIp: true or httpQueryParameterName"
	switch key := h.GetHashKey().(type) {
	case nil:
		c.addMissing(diag.CodeDestinationRule, path, "%s does not say what is hashed", path).WithHint(hint)
	case *networkingv1alpha3.LoadBalancerSettings_ConsistentHashLB_HttpHeaderName:
		if !isToken(key.HttpHeaderName) {
			c.add(diag.CodeHeaderName, path.Field("httpHeaderName"), "%q is not the name of a header", key.HttpHeaderName).WithHint("letters, digits, - and _")
		}
	case *networkingv1alpha3.LoadBalancerSettings_ConsistentHashLB_HttpQueryParameterName:
		if key.HttpQueryParameterName == "" {
			c.add(diag.CodeEmptyValue, path.Field("httpQueryParameterName"), "the name of the parameter is empty").WithHint("a name")
		}
	case *networkingv1alpha3.LoadBalancerSettings_ConsistentHashLB_HttpCookie:
		c.cookie(path.Field("httpCookie"), key.HttpCookie)
	case *networkingv1alpha3.LoadBalancerSettings_ConsistentHashLB_UseSourceIp:
		if !key.UseSourceIp {
			c.add(diag.CodeDestinationRule, path.Field("useSourceIp"), "%s does not say what is hashed", path).WithHint(hint)
		}
	}
	for at, size := range map[string]uint64{"minimumRingSize": h.GetMinimumRingSize(), "ringHash": h.GetRingHash().GetMinimumRingSize()} { //nolint:staticcheck // people have it
		if size > maxRing {
			c.add(diag.CodeDestinationRule, path.Field(at), "a ring of %d is too large", size).WithHint("at most %d", maxRing)
		}
	}
	if h.GetMinimumRingSize() != 0 { //nolint:staticcheck // people have it
		c.deprecated(path.Field("minimumRingSize"), "ringHash: {minimumRingSize: …}")
		if h.GetHashAlgorithm() != nil {
			c.addKey(diag.CodeOneOf, path.Field("minimumRingSize"), "%s has minimumRingSize beside ringHash or maglev", path).WithHint("keep one of them")
		}
	}
	// Istio's API has a default for the size, which its validation does not know.
	if n := h.GetMaglev().GetTableSize(); n != 0 && (n >= maxMaglev || !new(big.Int).SetUint64(n).ProbablyPrime(0)) {
		c.add(diag.CodeDestinationRule, path.Field("maglev", "tableSize"), "%d is not the size of a table", n).WithHint("a prime number below %d, such as 65537", maxMaglev)
	}
}

func (c loadBalancerChecker) cookie(path Path, cookie *networkingv1alpha3.LoadBalancerSettings_ConsistentHashLB_HTTPCookie) {
	// A cookie's name is a token, as a header's is.
	if !isToken(cookie.GetName()) {
		c.addMissing(diag.CodeDestinationRule, c.deepest(path, "name"), "%q is not the name of a cookie", cookie.GetName()).WithHint("letters, digits, - and _")
	}
	c.notBelowZero(path.Field("ttl"), cookie.GetTtl())
	if strings.ContainsAny(cookie.GetPath(), inNoCookie) {
		c.add(diag.CodeDestinationRule, path.Field("path"), "%s has a character that a cookie cannot have", path.Field("path")).WithHint("no line breaks and no ;")
	}
	c.cookieAttributes(path.Field("attributes"), cookie.GetAttributes())
}

const (
	// inNoCookie are the characters that would end a cookie's attribute.
	inNoCookie = "\r\n\x00;"
	// maxAttribute is the length of an attribute's name, and of its value, that Envoy takes.
	maxAttribute = 16 << 10
)

// cookieAttributes checks what a cookie has beside its name: Envoy would refuse the cluster
// otherwise, or clients choose one of two values as they like.
func (c loadBalancerChecker) cookieAttributes(path Path, attributes []*networkingv1alpha3.LoadBalancerSettings_ConsistentHashLB_HTTPCookie_Attribute) {
	first := map[string]int{}
	for i, a := range attributes {
		at, name := path.Field(i), strings.ToLower(a.GetName())
		before, again := first[name]
		switch {
		case a.GetName() == "":
			c.addMissing(diag.CodeDestinationRule, c.deepest(at, "name"), "%s has no name", at).WithHint("for example name: SameSite")
		case strings.ContainsAny(a.GetName()+a.GetValue(), inNoCookie):
			c.add(diag.CodeDestinationRule, at, "%s has a character that a cookie cannot have", at).WithHint("no line breaks and no ;")
		case len(a.GetName()) > maxAttribute || len(a.GetValue()) > maxAttribute:
			c.add(diag.CodeDestinationRule, at, "%s is longer than Envoy takes", at).WithHint("at most 16 KiB for a name or a value")
		case again:
			c.add(diag.CodeDestinationRule, at.Field("name"), "attributes[%d] has the name %s too", before, a.GetName()).WithHint("keep one of them")
		default:
			first[name] = i
		}
	}
}

// isToken reports whether s can be the name of a header or cookie.
func isToken(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.!#$%&'*+^`|~") == ""
}

// warmup checks the time in which a new endpoint gets less than its share.
func (c loadBalancerChecker) warmup(path Path, l *networkingv1alpha3.LoadBalancerSettings) {
	c.positive(path.Field("warmupDurationSecs"), l.GetWarmupDurationSecs(), time.Millisecond)
	w, at := l.GetWarmup(), path.Field("warmup")
	if w != nil && w.GetDuration() == nil {
		c.addMissing(diag.CodeDestinationRule, at, "%s has no duration", at).WithHint("duration: 30s")
	}
	c.positive(at.Field("duration"), w.GetDuration(), time.Millisecond)
	c.percent(at.Field("minimumPercent"), w.GetMinimumPercent().GetValue())
	if a := w.GetAggression(); a != nil && a.GetValue() < 1 {
		c.add(diag.CodeDestinationRule, at.Field("aggression"), "the aggression %v is below 1", a.GetValue()).WithHint("1 or more")
	}
	simple := l.GetSimple()
	slow := simple == networkingv1alpha3.LoadBalancerSettings_RANDOM || simple == networkingv1alpha3.LoadBalancerSettings_PASSTHROUGH || l.GetConsistentHash() != nil || l.GetBackendUtilization() != nil
	if slow && (w != nil || l.GetWarmupDurationSecs() != nil) {
		c.addKey(diag.CodeIgnoredField, c.deepest(path, "warmup"), "the warmup is ignored: only LEAST_REQUEST and ROUND_ROBIN know one").WithHint("leave it out")
	}
}

// localities checks which localities endpoints are taken from.
func (c loadBalancerChecker) localities(path Path, l *networkingv1alpha3.LocalityLoadBalancerSetting, outlier *networkingv1alpha3.OutlierDetection) {
	if l == nil {
		return
	}
	failover := len(l.GetFailover())+len(l.GetFailoverPriority()) > 0
	if len(l.GetDistribute()) > 0 && failover {
		c.add(diag.CodeOneOf, path, "%s has distribute beside failover", path).WithHint("keep one of them")
	}
	if failover && outlier == nil && !c.detectsOutliers {
		c.add(diag.CodeLocality, path, "the failover has no effect: without outlierDetection a gateway does not notice that endpoints fail").WithHint("add outlierDetection beside loadBalancer, or to defaultTrafficPolicy of the mesh configuration")
	}
	for i, d := range l.GetDistribute() {
		c.distribute(path.Field("distribute", i), d)
	}
	for i, f := range l.GetFailover() {
		at := path.Field("failover", i)
		if f.GetFrom() == "" || f.GetTo() == "" || f.GetFrom() == f.GetTo() || strings.ContainsAny(f.GetFrom()+f.GetTo(), "/*") {
			c.add(diag.CodeDestinationRule, at, "%s does not name two regions", at).WithHint("from: and to: two regions, without zones")
		}
	}
}

func (c loadBalancerChecker) distribute(path Path, d *networkingv1alpha3.LocalityLoadBalancerSetting_Distribute) {
	if !isLocalityPattern(d.GetFrom()) {
		c.addMissing(diag.CodeDestinationRule, c.deepest(path, "from"), "%q is not a locality", d.GetFrom()).WithHint("region/zone/subzone, whose last part may be *")
	}
	var total uint64
	for name, weight := range d.GetTo() {
		at := path.Field("to", name)
		total += uint64(weight)
		if !isLocalityPattern(name) {
			c.addKey(diag.CodeDestinationRule, at, "%q is not a locality", name).WithHint("region/zone/subzone, whose last part may be *")
		}
		if weight == 0 {
			c.add(diag.CodeDestinationRule, at, "the weight of %s is 0", name).WithHint("leave the locality out")
		}
	}
	if total != 100 {
		c.add(diag.CodeDestinationRule, path.Field("to"), "the weights add up to %d", total).WithHint("100")
	}
}

// isLocalityPattern accepts a locality, one with * as its last part, and * alone.
func isLocalityPattern(s string) bool {
	parts := strings.Split(s, "/")
	if parts[len(parts)-1] == "*" {
		parts = parts[:len(parts)-1]
	}
	return len(parts) <= 3 && s != "" && !slices.ContainsFunc(parts, func(p string) bool { return p == "" || strings.Contains(p, "*") })
}
