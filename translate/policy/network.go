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
// order decides security and stands here only. Which filters there are depends on the servers and
// the mesh configuration and never on a policy: without a server whose requests are not read
// there are none, as no listener would ask for them.
func (m making) networkFilters() []Filter {
	if !slices.ContainsFunc(m.view.Ports, model.Port.TakesConnections) {
		return nil
	}
	return slices.Concat(
		m.networkCustom(), []Filter{
			// Never decides, so it sees also what is denied below.
			m.networkAction(NetworkAuditFilter, securityv1beta1.AuthorizationPolicy_AUDIT),
			// Before ALLOW: no ALLOW policy can override a DENY.
			m.networkAction(NetworkDenyFilter, securityv1beta1.AuthorizationPolicy_DENY),
			m.networkAction(NetworkAllowFilter, securityv1beta1.AuthorizationPolicy_ALLOW),
		})
}

func (m making) networkAction(name string, action securityv1beta1.AuthorizationPolicy_Action) Filter {
	set := m.known.ruleSet(setOf{form: connections, action: action, conditions: m.view.Conditions}, m.policies[action])
	return Filter{Name: name, IstioName: networkRBACName, Config: set.config, Trace: set.trace}
}
