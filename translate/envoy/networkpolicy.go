package envoy

import (
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	extauthznetworkv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/ext_authz/v3"
	"google.golang.org/protobuf/proto"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
)

// The names of the filters that policy is made of where connections are not read. Each is an
// extension config of its own: network filters have nothing that holds several, as
// PolicyFilter does for HTTP. So an edit that touches two actions is taken up by one after
// the other, and a connection that arrives in between sees both the old and the new.
const (
	// NetworkCustomFilter closes the connections about which a provider would have to be asked
	// that cannot be.
	NetworkCustomFilter = "envoy.filters.network.rbac.custom"
	// NetworkAskFilter and NetworkExtAuthzFilter, each with the name of a gRPC provider behind
	// it, find out whether the provider is asked, and ask it.
	NetworkAskFilter      = "envoy.filters.network.rbac.custom."
	NetworkExtAuthzFilter = "envoy.filters.network.ext_authz."
	// NetworkAuditFilter, NetworkDenyFilter and NetworkAllowFilter enforce the
	// AuthorizationPolicies of an action.
	NetworkAuditFilter = "envoy.filters.network.rbac.audit"
	NetworkDenyFilter  = "envoy.filters.network.rbac.deny"
	NetworkAllowFilter = "envoy.filters.network.rbac.allow"
)

// The names that Istio gives every network RBAC filter and every filter that asks an authorizer.
const (
	networkRBACName     = "envoy.filters.network.rbac"
	networkExtAuthzName = "envoy.filters.network.ext_authz"
)

// networkPolicy renders policy as network filters, in the order in which they work. The
// order decides security and stands here only. Which filters there are depends on the mesh
// configuration and never on a policy.
func networkPolicy(v model.View) []policyFilter {
	return slices.Concat(
		networkCustom(v), []policyFilter{
			// Never decides, so it sees also what is denied below.
			networkAction(NetworkAuditFilter, v, securityv1beta1.AuthorizationPolicy_AUDIT),
			// Before ALLOW: no ALLOW policy can override a DENY.
			networkAction(NetworkDenyFilter, v, securityv1beta1.AuthorizationPolicy_DENY),
			networkAction(NetworkAllowFilter, v, securityv1beta1.AuthorizationPolicy_ALLOW),
		})
}

func networkAction(name string, v model.View, action securityv1beta1.AuthorizationPolicy_Action) policyFilter {
	config, from := networkRBAC(v.AuthorizationPolicies, action)
	return policyFilter{name: name, istio: networkRBACName, config: config, trace: from}
}

// networkSlots returns the filters whose configuration arrives by ECDS. They have no default
// and wait without end: until all are there the listener does not open, so a missing policy
// is a closed port and never an open one.
func networkSlots(v model.View) []*listenerv3.Filter {
	// A provider that nothing is asked of has an empty RBAC filter in its place.
	types := []string{Any(emptyNetworkRBAC()).GetTypeUrl(), Any(&extauthznetworkv3.ExtAuthz{}).GetTypeUrl()}
	var out []*listenerv3.Filter
	for _, f := range networkPolicy(v) {
		source := &corev3.ExtensionConfigSource{ConfigSource: adsSource(), TypeUrls: types[:1]}
		if strings.HasPrefix(f.name, NetworkExtAuthzFilter) {
			source.TypeUrls = types
		}
		out = append(out, &listenerv3.Filter{Name: f.name, ConfigType: &listenerv3.Filter_ConfigDiscovery{ConfigDiscovery: source}})
	}
	return out
}

// networkConfigs packs the filters into extension configs, one for each.
func networkConfigs(filters []policyFilter) []*corev3.TypedExtensionConfig {
	out := make([]*corev3.TypedExtensionConfig, 0, len(filters))
	for _, f := range filters {
		out = append(out, &corev3.TypedExtensionConfig{Name: f.name, TypedConfig: Any(f.config)})
	}
	return out
}

// inlineNetwork returns the filters for a listener that holds them itself. The list is never
// nil, which would leave them to the stream.
func inlineNetwork(configs []*corev3.TypedExtensionConfig) []*listenerv3.Filter {
	out := make([]*listenerv3.Filter, 0, len(configs))
	for _, c := range configs {
		out = append(out, &listenerv3.Filter{Name: c.GetName(), ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: c.GetTypedConfig()}})
	}
	return out
}

// istioNetwork returns the filters that Istio would generate, under its name: only those
// that have something to do.
func istioNetwork(v model.View) []*corev3.TypedExtensionConfig {
	var out []*corev3.TypedExtensionConfig
	for _, f := range networkPolicy(v) {
		if f.istio != "" && !proto.Equal(f.config, emptyNetworkRBAC()) {
			out = append(out, &corev3.TypedExtensionConfig{Name: f.istio, TypedConfig: Any(f.inIstio())})
		}
	}
	return out
}

// addNetwork notes where the rules of each network filter come from.
func (t Trace) addNetwork(filters []policyFilter) {
	for _, f := range filters {
		t[f.name] = map[string]diag.Position{}
		for rule, pos := range f.trace {
			t[f.name][rule] = pos
		}
	}
}
