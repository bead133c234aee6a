package policy

import (
	"slices"

	securityv1beta1 "istio.io/api/security/v1beta1"

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

// networkFilters renders policy as network filters, in the order in which they work. The
// order decides security and stands here only. Which filters there are depends on the mesh
// configuration and never on a policy.
func networkFilters(v model.View) []Filter {
	return slices.Concat(
		networkCustom(v), []Filter{
			// Never decides, so it sees also what is denied below.
			networkAction(NetworkAuditFilter, v, securityv1beta1.AuthorizationPolicy_AUDIT),
			// Before ALLOW: no ALLOW policy can override a DENY.
			networkAction(NetworkDenyFilter, v, securityv1beta1.AuthorizationPolicy_DENY),
			networkAction(NetworkAllowFilter, v, securityv1beta1.AuthorizationPolicy_ALLOW),
		})
}

func networkAction(name string, v model.View, action securityv1beta1.AuthorizationPolicy_Action) Filter {
	config, from := networkRBAC(v.AuthorizationPolicies, action, ofConnections(v))
	return Filter{Name: name, IstioName: networkRBACName, Config: config, Trace: from}
}
