package resource

import (
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	meshv1alpha1 "istio.io/api/mesh/v1alpha1"

	"github.com/portreeve/portreeve/translate/diag"
)

// meshFields are those that count on a gateway.
func meshFields() []string {
	return []string{"connectTimeout", "tcpKeepalive", "accessLogFile", "accessLogFormat", "accessLogEncoding",
		"disableEnvoyListenerLog", "trustDomain", "trustDomainAliases", "rootNamespace", "extensionProviders", "pathNormalization",
		"localityLbSetting", "defaultTrafficPolicy", "defaultHttpRetryPolicy", "h2UpgradePolicy", "dnsRefreshRate",
		"defaultServiceExportTo", "defaultVirtualServiceExportTo", "defaultDestinationRuleExportTo"}
}

// idleMeshFields are those that say nothing to a gateway without a mesh, or whose absence
// neither opens nor closes anything: observation, sidecars, Kubernetes.
func idleMeshFields() []string {
	return []string{"proxyListenPort", "proxyInboundListenPort", "proxyHttpPort", "hboneIdleTimeout", "protocolDetectionTimeout",
		"ingressClass", "ingressService", "ingressControllerMode", "ingressSelector", "enableTracing", "enableEnvoyAccessLogService",
		"outboundTrafficPolicy", "inboundTrafficPolicy", "configSources", "enableAutoMtls", "caCertificates",
		"inboundClusterStatName", "outboundClusterStatName", "certificates", "serviceSettings", "serviceScopeConfigs",
		"enablePrometheusMerge", "verifyCertificateAtClient", "ca", "meshMTLS", "defaultInboundHttpRetryPolicy"}
}

// refusedProxyFields are the fields of defaultConfig that change what a gateway lets pass
// or what backends are told. All others configure the process, which is started without us.
func refusedProxyFields() []string { return []string{"connectionSettings"} }

// mesh checks a mesh configuration whose values have the right types.
func (c meshChecker) mesh(config *meshv1alpha1.MeshConfig) {
	c.meshFields(config)
	c.timeoutBetween(Path{"connectTimeout"}, config.GetConnectTimeout(), time.Hour)
	c.keepalive(config)
	c.meshDefaults(config)
	c.accessLog(config)
	c.topology(config.GetDefaultConfig().GetGatewayTopology())
	if ns := config.GetRootNamespace(); ns != "" && !isLabel(ns) {
		c.add(diag.CodeMeshName, Path{"rootNamespace"}, "%q is not a namespace", ns).WithHint("lower-case letters, digits and -, at most 63 characters")
	}
	if d := config.GetTrustDomain(); d != "" {
		c.meshTrustDomain(Path{"trustDomain"}, d)
	}
	for i, d := range config.GetTrustDomainAliases() {
		c.meshTrustDomain(Path{"trustDomainAliases", i}, d)
	}
	meshProviderChecker(c).extensionProviders(config.GetExtensionProviders())
	if !c.written(Path{"pathNormalization", "normalization"}) {
		// An object without a choice chooses nothing: our own default is the stricter one.
		config.PathNormalization = nil
	}
}

// meshFields sorts every field that is set into those that count, those that say nothing
// here, and the rest, also what a newer API adds: those are refused and never dropped.
func (c meshChecker) meshFields(config *meshv1alpha1.MeshConfig) {
	for _, name := range setFields(config) {
		path := Path{name}
		switch {
		case slices.Contains(meshFields(), name):
		case name == "defaultProviders":
			c.defaultProviders(config.GetDefaultProviders())
		case name == "defaultConfig":
			c.proxyFields(config.GetDefaultConfig())
		case slices.Contains(idleMeshFields(), name):
			c.idle(path)
		default:
			why, instead := refusal(name)
			c.addKey(diag.CodeUnsupported, path, "%s %s", path, why).WithHint("%s", instead)
		}
	}
}

// proxyFields does the same for the fields of defaultConfig.
func (c meshChecker) proxyFields(config *meshv1alpha1.ProxyConfig) {
	for _, name := range setFields(config) {
		path := Path{"defaultConfig", name}
		switch {
		case name == "gatewayTopology":
		case name == "proxyHeaders":
			c.proxyHeaders(path, config.GetProxyHeaders())
		case slices.Contains(refusedProxyFields(), name):
			why, instead := refusal(name)
			c.addKey(diag.CodeUnsupported, path, "%s %s", path, why).WithHint("%s", instead)
		default:
			c.idle(path)
		}
	}
}

func (c meshChecker) idle(path Path) {
	c.addKey(diag.CodeIgnoredField, path, "%s has no effect on these gateways", path).WithHint("leave it out, or keep it for Istio")
}

// setFields returns the names of the fields that are set, in the order of their names.
func setFields(m proto.Message) []string {
	var out []string
	m.ProtoReflect().Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		out = append(out, f.JSONName())
		return true
	})
	slices.Sort(out)
	return out
}

// The most that a socket of Linux takes; beyond it no connection to a backend comes about.
const (
	maxKeepalive = 32767 * time.Second
	maxProbes    = 127
)

// keepalive holds the probes to what a socket takes, the times in whole seconds.
func (c meshChecker) keepalive(config *meshv1alpha1.MeshConfig) {
	k := config.GetTcpKeepalive()
	for name, d := range map[string]*durationpb.Duration{"time": k.GetTime(), "interval": k.GetInterval()} {
		if v := d.AsDuration(); d != nil && (v < time.Second || v%time.Second != 0 || v > maxKeepalive) {
			path := Path{"tcpKeepalive", name}
			c.add(diag.CodeTimeout, path, "%s: %s is not a whole number of seconds from 1s to %d", path, v, maxKeepalive/time.Second).WithHint("for example 75s")
		}
	}
	if n := k.GetProbes(); n > maxProbes {
		c.add(diag.CodeTimeout, Path{"tcpKeepalive", "probes"}, "%d probes are more than a socket takes", n).WithHint("at most %d", maxProbes)
	}
}

// topology warns where a client can speak for somebody else. RBAC reads the certificate
// of the connection and never this header; backends may not.
func (c meshChecker) topology(t *meshv1alpha1.Topology) {
	if t.GetForwardClientCertDetails() == meshv1alpha1.ForwardClientCertDetails_ALWAYS_FORWARD_ONLY {
		path := Path{"defaultConfig", "gatewayTopology", "forwardClientCertDetails"}
		c.add(diag.CodeMeshForwardedCert, path, "ALWAYS_FORWARD_ONLY hands backends an x-forwarded-client-cert header that any client can write").
			WithHint("SANITIZE_SET, or make sure that only a trusted proxy can reach the gateway")
	}
}

// meshTrustDomain accepts what Istio does: labels of a DNS name, of which the last may be empty.
func (c meshChecker) meshTrustDomain(path Path, d string) {
	if !isSubdomain(strings.TrimSuffix(d, ".")) {
		c.add(diag.CodeMeshName, path, "%q is not a trust domain", d).WithHint("a name of lower-case letters, digits, - and ., as in cluster.local")
	}
}
