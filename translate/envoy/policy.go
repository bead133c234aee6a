package envoy

import (
	"slices"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	filterchainv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/filter_chain/v3"
	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	setfilterstatev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/set_filter_state/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/proto"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
)

// The names of the filters that policy is made of. Each is there once in the chain, those of
// providers once for each provider.
const (
	// ClaimHeadersFilter removes, from every request, the headers that hand claims to backends.
	ClaimHeadersFilter = "portreeve.claim_headers"
	// RouteFilter has the route chosen again without the headers that ClaimHeadersFilter has
	// removed. It is there where any are.
	RouteFilter = "portreeve.choose_route"
	// BoundFilter has the route chosen again after authorizers, which may overwrite the host. It is
	// there where routes resolve hosts.
	BoundFilter = "portreeve.choose_route.resolved"
	// HostFilter, MethodFilter and PathFilter deny a host, a method or a path that a backend may
	// read otherwise than rules do. Each is there where a policy decides by that part.
	HostFilter   = "envoy.filters.http.rbac.host"
	MethodFilter = "envoy.filters.http.rbac.method"
	PathFilter   = "envoy.filters.http.rbac.path"
	// JWTFilter verifies tokens.
	JWTFilter = "envoy.filters.http.jwt_authn"
	// AuditFilter, DenyFilter and AllowFilter enforce the AuthorizationPolicies of an action.
	AuditFilter = "envoy.filters.http.rbac.audit"
	DenyFilter  = "envoy.filters.http.rbac.deny"
	AllowFilter = "envoy.filters.http.rbac.allow"
	// CustomFilter and ExtAuthzFilter, each with the name of a provider behind it, find out
	// whether the provider is asked, and ask it.
	CustomFilter   = "envoy.filters.http.rbac.custom."
	ExtAuthzFilter = "envoy.filters.http.ext_authz."
)

// The names that Istio gives every RBAC filter and every filter that asks an authorizer.
const (
	rbacName     = "envoy.filters.http.rbac"
	extAuthzName = "envoy.filters.http.ext_authz"
)

// policyFilter is one HTTP filter that policy is made of.
type policyFilter struct {
	// name is its name in our chain; istio the one that Istio gives it, or empty for a
	// filter that Istio does not have.
	name, istio string
	// config is empty where nothing applies: the filter then lets everything pass.
	config proto.Message
	// istioConfig is what Istio writes where that is not config.
	istioConfig proto.Message
	// trace leads from the names of rules in config to where they are written.
	trace map[string]diag.Position
}

// policyFilters renders policy as filters, in the order in which they work. The order
// decides security and stands here only.
func policyFilters(v model.View) []policyFilter {
	tokens, from := jwtAuthn(v)
	return slices.Concat([]policyFilter{
		// First of all, so that a client's own value of a claim header never gets further,
		// whichever way the request takes through the next filters.
		{name: ClaimHeadersFilter, config: claimHeaders(v.RequestAuthentications), trace: from},
	},
		// Envoy has chosen a route before, by what the client sent.
		routeFilter(v.RequestAuthentications),
		// Before all that decide by these parts, authorizers among them.
		formFilters(v),
		// Before tokens, as under Istio: an authorizer sees them, verified or not.
		customFilters(v), boundFilter(v), []policyFilter{
			// Writes the claims that the authorization filters read.
			{name: JWTFilter, istio: JWTFilter, config: tokens, trace: from},
			// Never decides, so it sees also what is denied below.
			rbacPolicy(AuditFilter, v, securityv1beta1.AuthorizationPolicy_AUDIT),
			// Before ALLOW: no ALLOW policy can override a DENY.
			rbacPolicy(DenyFilter, v, securityv1beta1.AuthorizationPolicy_DENY),
			rbacPolicy(AllowFilter, v, securityv1beta1.AuthorizationPolicy_ALLOW),
		})
}

func routeFilter(policies []*resource.Resource) []policyFilter {
	if claimHeaders(policies).GetMutations() == nil {
		return nil
	}
	return []policyFilter{{name: RouteFilter, config: &setfilterstatev3.Config{ClearRouteCache: true}}}
}

// inIstio returns the configuration that Istio writes.
func (f policyFilter) inIstio() proto.Message {
	if f.istioConfig != nil {
		return f.istioConfig
	}
	return f.config
}

// boundFilter holds what authorizers make of a host within the wildcards that bound routes to
// resolved names: those were chosen by the client's own host.
func boundFilter(v model.View) []policyFilter {
	if len(v.ProviderNames()) == 0 || !slices.ContainsFunc(v.Services, model.Service.Dynamic) {
		return nil
	}
	return []policyFilter{{name: BoundFilter, config: &setfilterstatev3.Config{ClearRouteCache: true}}}
}

func rbacPolicy(name string, v model.View, action securityv1beta1.AuthorizationPolicy_Action) policyFilter {
	config, from := rbacFilter(v.AuthorizationPolicies, action, strictly(v))
	istio, _ := rbacFilter(v.AuthorizationPolicies, action, asIstioReads())
	for _, c := range []*rbachttpv3.RBAC{config, istio} {
		forEachToken(c, payloadKeys(jwtRules(v.RequestAuthentications)))
	}
	return policyFilter{name: name, istio: rbacName, config: config, istioConfig: istio, trace: from}
}

// policyChain packs the filters into the one extension config of policy. It always has a
// default chain: without one Envoy lets every request pass.
func policyChain(filters []policyFilter) *corev3.TypedExtensionConfig {
	chain := &filterchainv3.FilterChain{}
	for _, f := range filters {
		chain.Filters = append(chain.Filters, &corev3.TypedExtensionConfig{Name: f.name, TypedConfig: Any(f.config)})
	}
	return &corev3.TypedExtensionConfig{Name: PolicyFilter, TypedConfig: Any(&filterchainv3.FilterChainConfig{DefaultFilterChain: chain})}
}

// RenderIstio renders what Istio would generate, for comparison and not to be served: only
// the filters that have something to do, under Istio's names, each by itself, and again
// inline in every listener.
func RenderIstio(v model.View) Resources {
	out, d := Render(v), delivery{}
	out.Listeners, out.ExtensionConfigs, out.Routes = nil, nil, routeConfigs(v, inIstiosRoutes(routedPorts(v)))
	out.Clusters = slices.DeleteFunc(out.Clusters, isKeyCluster)
	d.policy = []*hcmv3.HttpFilter{}
	for _, f := range policyFilters(v) {
		if f.istio == "" || proto.Size(f.config) == 0 {
			continue
		}
		config := Any(asIstio(f.inIstio()))
		out.ExtensionConfigs = append(out.ExtensionConfigs, &corev3.TypedExtensionConfig{Name: f.istio, TypedConfig: config})
		d.policy = append(d.policy, &hcmv3.HttpFilter{Name: f.istio, ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: config}})
	}
	network := istioNetwork(v)
	out.ExtensionConfigs = append(out.ExtensionConfigs, network...)
	d.network = inlineNetwork(network)
	out.Listeners = listeners(v, d)
	return out
}

// add notes where the rules of each filter come from, under the filter's name and under
// that of the extension config which holds them all.
func (t Trace) add(filters []policyFilter) {
	t[PolicyFilter] = map[string]diag.Position{}
	for _, f := range filters {
		t[f.name] = f.trace
		for rule, pos := range f.trace {
			t[PolicyFilter][rule] = pos
		}
	}
}
