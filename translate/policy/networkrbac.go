package policy

import (
	rbacnetworkv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/rbac/v3"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/model"
)

// networkStatPrefix begins the statistics of network policy, as in Istio.
const networkStatPrefix = "tcp."

// emptyNetworkRBAC is the filter where no policy applies: it lets everything pass.
func emptyNetworkRBAC() *rbacnetworkv3.RBAC {
	return &rbacnetworkv3.RBAC{StatPrefix: networkStatPrefix}
}

// networkRule reduces a rule to what a connection can be held against. As in Istio the HTTP
// fields of a rule that allows nothing are left out, which makes it wider; an ALLOW rule
// with such a field is left out as a whole, since it would allow more than it says.
func networkRule(rule *securityv1beta1.Rule, action securityv1beta1.AuthorizationPolicy_Action) (*securityv1beta1.Rule, bool) {
	network, less := model.NetworkRule(rule)
	switch action {
	case securityv1beta1.AuthorizationPolicy_DENY, securityv1beta1.AuthorizationPolicy_AUDIT, securityv1beta1.AuthorizationPolicy_CUSTOM:
		return network, true
	default:
		return network, !less
	}
}
