package envoy

import (
	"maps"
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	filterchainv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/filter_chain/v3"
	extauthznetworkv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/ext_authz/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	rbacnetworkv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/rbac/v3"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/policy"
)

// PolicyFilter is the one extension config that holds all policy of requests. What a policy edit
// changes travels by ECDS under this name and never changes a listener; and because it is one, an
// edit of tokens and of rules takes effect at once. With an extension config for each filter
// Envoy takes them up one after the other, and meanwhile answers some requests by the new
// tokens and the old rules, or the other way round: it lets requests through that neither
// the old policy nor the new one allows (measured on 1.40).
const PolicyFilter = "portreeve.policy"

// istioConfigs packs filters as Istio writes them: only those that have something to do.
func istioConfigs(filters []policy.Filter) []*corev3.TypedExtensionConfig {
	var out []*corev3.TypedExtensionConfig
	for _, f := range filters {
		if f.IstioName != "" && !f.Idle() {
			out = append(out, &corev3.TypedExtensionConfig{Name: f.IstioName, TypedConfig: match.Any(f.InIstio())})
		}
	}
	return out
}

// policySlot returns the filter whose configuration arrives by ECDS. It has no default and
// waits without end: until its configuration is there the listener does not open, so a
// missing policy is a closed port and never an open one.
func policySlot() *hcmv3.HttpFilter {
	return &hcmv3.HttpFilter{
		Name: PolicyFilter,
		ConfigType: &hcmv3.HttpFilter_ConfigDiscovery{ConfigDiscovery: &corev3.ExtensionConfigSource{
			ConfigSource: adsSource(),
			TypeUrls:     []string{match.Any(&filterchainv3.FilterChainConfig{}).GetTypeUrl()},
		}},
	}
}

// networkSlots returns the network filters whose configuration arrives by ECDS, each by itself:
// network filters have nothing that holds several. So an edit that touches two actions is taken
// up by one after the other, and a connection that arrives in between sees both the old and the
// new. What policySlot says of waiting holds here.
func networkSlots(filters []policy.Filter) []*listenerv3.Filter {
	// A provider that nothing is asked of has an empty RBAC filter in its place.
	types := []string{match.Any(&rbacnetworkv3.RBAC{}).GetTypeUrl(), match.Any(&extauthznetworkv3.ExtAuthz{}).GetTypeUrl()}
	var out []*listenerv3.Filter
	for _, f := range filters {
		source := &corev3.ExtensionConfigSource{ConfigSource: adsSource(), TypeUrls: types[:1]}
		if strings.HasPrefix(f.Name, policy.NetworkExtAuthzFilter) {
			source.TypeUrls = types
		}
		out = append(out, &listenerv3.Filter{Name: f.Name, ConfigType: &listenerv3.Filter_ConfigDiscovery{ConfigDiscovery: source}})
	}
	return out
}

// inlineHTTP returns the filters for a connection manager that holds them itself.
func inlineHTTP(configs []*corev3.TypedExtensionConfig) []*hcmv3.HttpFilter {
	out := make([]*hcmv3.HttpFilter, 0, len(configs))
	for _, c := range configs {
		out = append(out, &hcmv3.HttpFilter{Name: c.GetName(), ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: c.GetTypedConfig()}})
	}
	return out
}

// inlineNetwork returns the filters for a listener that holds them itself.
func inlineNetwork(configs []*corev3.TypedExtensionConfig) []*listenerv3.Filter {
	out := make([]*listenerv3.Filter, 0, len(configs))
	for _, c := range configs {
		out = append(out, &listenerv3.Filter{Name: c.GetName(), ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: c.GetTypedConfig()}})
	}
	return out
}

// addPolicy notes where the rules of each filter come from, under the filter's name, and those of
// requests also under that of the extension config which holds them all.
func (t Trace) addPolicy(p policy.Policy, v model.View) {
	for _, f := range slices.Concat(p.HTTP, p.Network) {
		t[f.Name] = f.Trace
	}
	traces := make([]diag.Places, 0, len(p.HTTP)) // what is asked for later holds no filter
	for _, f := range p.HTTP {
		traces = append(traces, f.Trace)
	}
	conditions := v.Conditions
	t[PolicyFilter] = diag.PlacesOnce(func() map[string]diag.Position {
		out := ofAll(traces)
		if conditions {
			maps.DeleteFunc(out, func(rule string, _ diag.Position) bool {
				_, clause := policy.SplitClause(rule)
				return clause != "" // Envoy names no condition
			})
		}
		return out
	})
}

// ofAll returns where the rules of all filters come from. A rule has one origin, in whichever filters it stands.
func ofAll(traces []diag.Places) map[string]diag.Position {
	out := map[string]diag.Position{}
	for _, t := range traces {
		maps.Copy(out, t.All())
	}
	return out
}
