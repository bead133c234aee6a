package policy

import (
	"slices"

	setfilterstatev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/set_filter_state/v3"
	"google.golang.org/protobuf/proto"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/model"
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

// httpFilters makes the filters of requests, in the order in which they work. The order
// decides security and stands here only.
func (m making) httpFilters() []Filter {
	tokens := jwtFilter(m.view, m.rules)
	return slices.Concat(
		// First of all, so that a client's own value of a claim header never gets further,
		// whichever way the request takes through the next filters. Envoy has chosen a route
		// before, by what the client sent.
		claimFilters(m.rules, tokens.Trace),
		// Before all that decide by these parts, authorizers among them.
		m.malformedFilters(),
		// Before tokens, as under Istio: an authorizer sees them, verified or not.
		m.customFilters(), boundFilter(m.view), []Filter{
			// Writes the claims that the authorization filters read.
			tokens,
			// Never decides, so it sees also what is denied below.
			m.rbacPolicy(AuditFilter, securityv1beta1.AuthorizationPolicy_AUDIT),
			// Before ALLOW: no ALLOW policy can override a DENY.
			m.rbacPolicy(DenyFilter, securityv1beta1.AuthorizationPolicy_DENY),
			m.rbacPolicy(AllowFilter, securityv1beta1.AuthorizationPolicy_ALLOW),
		})
}

// boundFilter holds what authorizers make of a host within the wildcards that bound routes to
// resolved names: those were chosen by the client's own host.
func boundFilter(v model.View) []Filter {
	if len(v.ProviderNames()) == 0 || !slices.ContainsFunc(v.Services, model.Service.Dynamic) {
		return nil
	}
	return []Filter{{Name: BoundFilter, Config: &setfilterstatev3.Config{ClearRouteCache: true}}}
}

func (m making) rbacPolicy(name string, action securityv1beta1.AuthorizationPolicy_Action) Filter {
	policies := m.policies[action]
	set := m.known.ruleSet(setOf{form: strictly(m.view), action: action, keys: severalKeys(m.rules.PayloadKeys()), conditions: m.view.Conditions}, policies)
	istio := func() proto.Message { return setOf{form: istios, action: action}.without(policies).config }
	return Filter{Name: name, IstioName: rbacName, Config: set.config, IstioConfig: istio, Trace: set.trace}
}
