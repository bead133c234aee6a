package resource

import (
	"google.golang.org/protobuf/proto"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
)

// destinationRuleFields are the fields of a DestinationRule that are translated.
func destinationRuleFields() []string {
	out := []string{"host", "exportTo", "workloadSelector.matchLabels", "subsets.name", "subsets.labels"}
	for _, at := range []string{"trafficPolicy.", "subsets.trafficPolicy."} {
		out = append(out, at+"proxyProtocol.version", at+"portLevelSettings.port.number")
		out = append(out, at+"tunnel.protocol", at+"tunnel.targetHost", at+"tunnel.targetPort")
		out = append(out, at+"retryBudget.percent", at+"retryBudget.minRetryConcurrency", at+"retryBudget.budgetInterval")
		for _, field := range portPolicyFields() {
			out = append(out, at+field, at+"portLevelSettings."+field)
		}
	}
	return out
}

// portPolicyFields are the fields of a policy that one for a port has too.
func portPolicyFields() []string {
	const balancer, tcp, http, outlier, tls = "loadBalancer.", "connectionPool.tcp.", "connectionPool.http.", "outlierDetection.", "tls."
	const hash, utilization = balancer + "consistentHash.", balancer + "backendUtilization."
	return []string{
		balancer + "simple", balancer + "warmupDurationSecs", balancer + "warmup.duration", balancer + "warmup.minimumPercent", balancer + "warmup.aggression",
		balancer + "localityLbSetting.enabled", balancer + "localityLbSetting.distribute.from", balancer + "localityLbSetting.distribute.to",
		balancer + "localityLbSetting.failover.from", balancer + "localityLbSetting.failover.to", balancer + "localityLbSetting.failoverPriority",
		utilization + "weightStabilizationPeriod", utilization + "weightExpirationPeriod", utilization + "weightUpdatePeriod",
		utilization + "errorUtilizationPenaltyPercent", utilization + "metricNamesForComputingUtilization",
		hash + "httpHeaderName", hash + "useSourceIp", hash + "httpQueryParameterName", hash + "minimumRingSize",
		hash + "httpCookie.name", hash + "httpCookie.path", hash + "httpCookie.ttl", hash + "httpCookie.attributes.name", hash + "httpCookie.attributes.value",
		hash + "ringHash.minimumRingSize", hash + "maglev.tableSize",
		tcp + "maxConnections", tcp + "connectTimeout", tcp + "idleTimeout", tcp + "maxConnectionDuration",
		tcp + "tcpKeepalive.probes", tcp + "tcpKeepalive.time", tcp + "tcpKeepalive.interval",
		http + "http1MaxPendingRequests", http + "http2MaxRequests", http + "maxRequestsPerConnection", http + "maxRetries", http + "idleTimeout",
		http + "h2UpgradePolicy", http + "useClientProtocol", http + "maxConcurrentStreams", http + "http2KeepAlive.interval", http + "http2KeepAlive.timeout",
		outlier + "consecutiveErrors", outlier + "consecutive5xxErrors", outlier + "consecutiveGatewayErrors", outlier + "consecutiveLocalOriginFailures",
		outlier + "splitExternalLocalOriginErrors", outlier + "interval", outlier + "baseEjectionTime", outlier + "maxEjectionPercent", outlier + "minHealthPercent",
		outlier + "outlierDetectionHttpErrorCodes",
		tls + "mode", tls + "clientCertificate", tls + "privateKey", tls + "caCertificates", tls + "caCrl", tls + "subjectAltNames", tls + "sni", tls + "insecureSkipVerify", tls + "credentialName",
	}
}

// destinationRuleChecker checks a DestinationRule and its subsets; the parts of a traffic policy
// have checkers of their own.
type destinationRuleChecker struct{ valueChecker }

// checkDestinationRule holds a DestinationRule against Istio's rules and against what is
// translated. A mistake reaches every gateway: what would be left of the rule could speak
// to a backend in plain text, or to the wrong one.
func checkDestinationRule(v valueChecker, m proto.Message) {
	c := destinationRuleChecker{v}
	spec := m.(*networkingv1alpha3.DestinationRule)
	c.annotations()
	if spec.GetHost() == "" {
		c.addMissing(diag.CodeDestinationRule, Path{"spec"}, "the DestinationRule has no host").WithHint("host: the host of a service")
	} else {
		c.host(Path{"spec", "host"}, spec.GetHost())
	}
	c.exportTo(spec.GetExportTo())
	c.ruleSelector(spec)
	c.trafficPolicy(Path{"spec", "trafficPolicy"}, spec.GetTrafficPolicy())
	clientTLSChecker(c).plainPorts(Path{"spec", "trafficPolicy"}, spec.GetTrafficPolicy(), nil)
	names := map[string]int{}
	for i, s := range spec.GetSubsets() {
		path := Path{"spec", "subsets", i}
		c.subset(path, s)
		clientTLSChecker(c).plainPorts(path.Field("trafficPolicy"), s.GetTrafficPolicy(), spec.GetTrafficPolicy().GetTls())
		if first, again := names[s.GetName()]; again && s.GetName() != "" {
			c.add(diag.CodeDestinationRule, path.Field("name"), "subsets[%d] is named %q too", first, s.GetName()).WithHint("give each subset its own name")
			continue
		}
		names[s.GetName()] = i
	}
}

// ruleSelector checks the labels of gateways that a rule is for. As in Istio, such a rule is
// not for other namespaces.
func (c destinationRuleChecker) ruleSelector(spec *networkingv1alpha3.DestinationRule) {
	if spec.GetWorkloadSelector() == nil {
		return
	}
	path := Path{"spec", "workloadSelector"}
	if len(spec.GetWorkloadSelector().GetMatchLabels()) == 0 {
		c.addMissing(diag.CodeSelectorEmpty, path, "%s has no labels, so the rule is for every workload of its namespace", path).WithHint("give it matchLabels, or leave the selector out")
	}
	c.labels(path.Field("matchLabels"), spec.GetWorkloadSelector().GetMatchLabels())
	for i, to := range spec.GetExportTo() {
		if to != "." && to != c.key.Namespace {
			c.add(diag.CodeDestinationRule, Path{"spec", "exportTo", i}, "a rule with a workloadSelector is for its own namespace only").WithHint(`".", or leave exportTo out`)
		}
	}
}

// subset checks a subset, whose name becomes a part of the name of a cluster.
func (c destinationRuleChecker) subset(path Path, s *networkingv1alpha3.Subset) {
	switch name := s.GetName(); {
	case name == "":
		c.addMissing(diag.CodeDestinationRule, path, "%s has no name", path).WithHint("for example name: v1")
	case !isPartName(name):
		c.add(diag.CodeDestinationRule, path.Field("name"), "%q is not the name of a subset", name).WithHint("letters, digits and -, at most 63 characters")
	}
	c.workloadLabels(path.Field("labels"), s.GetLabels())
	c.trafficPolicy(path.Field("trafficPolicy"), s.GetTrafficPolicy())
}

// portPolicy is a policy, or the part of one that is for a port.
type portPolicy interface {
	GetLoadBalancer() *networkingv1alpha3.LoadBalancerSettings
	GetConnectionPool() *networkingv1alpha3.ConnectionPoolSettings
	GetOutlierDetection() *networkingv1alpha3.OutlierDetection
	GetTls() *networkingv1alpha3.ClientTLSSettings
}

func (c destinationRuleChecker) trafficPolicy(path Path, p *networkingv1alpha3.TrafficPolicy) {
	if p == nil {
		return
	}
	if proto.Size(p) == 0 {
		c.addMissing(diag.CodeDestinationRule, path, "%s is empty", path).WithHint("say something in it, or leave it out")
	}
	c.portPolicy(path, p)
	connectionPoolChecker(c).retryBudget(path.Field("retryBudget"), p.GetRetryBudget())
	c.tunnel(path.Field("tunnel"), p)
	numbers := map[uint32]int{}
	for i, s := range p.GetPortLevelSettings() {
		at := path.Field("portLevelSettings", i)
		c.portPolicy(at, s)
		if s.GetLoadBalancer() == nil && s.GetConnectionPool() == nil && s.GetOutlierDetection() == nil && s.GetTls() == nil {
			c.addMissing(diag.CodeDestinationRule, at, "%s is empty", at).WithHint("say something in it, or leave it out")
		}
		n := s.GetPort().GetNumber()
		if s.GetPort() == nil {
			c.addMissing(diag.CodeDestinationRule, at, "%s has no port", at).WithHint("port: {number: 443}")
			continue
		}
		c.portNumber(at.Field("port", "number"), n)
		if first, again := numbers[n]; again {
			c.add(diag.CodeDestinationRule, at.Field("port", "number"), "portLevelSettings[%d] is for the port %d too", first, n).WithHint("one entry for each port")
		}
		numbers[n] = i
	}
}

func (c destinationRuleChecker) portPolicy(path Path, p portPolicy) {
	loadBalancerChecker(c).loadBalancer(path.Field("loadBalancer"), p.GetLoadBalancer(), p.GetOutlierDetection())
	connectionPoolChecker(c).connectionPool(path.Field("connectionPool"), p.GetConnectionPool())
	connectionPoolChecker(c).outlierDetection(path.Field("outlierDetection"), p.GetOutlierDetection())
	clientTLSChecker(c).clientTLS(path.Field("tls"), p.GetTls())
}
