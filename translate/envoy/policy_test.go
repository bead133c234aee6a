package envoy

import (
	"testing"

	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	rbacnetworkv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/rbac/v3"
	gocmp "github.com/google/go-cmp/cmp"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/policy"
	"github.com/portreeve/portreeve/translate/resource"
)

// TestIstioNetworkFilters holds that the shape for comparison has the filters that have
// something to do, in Istio's order and under its name, in the list and in the chain.
func TestIstioNetworkFilters(t *testing.T) {
	var policies []*resource.Resource
	for _, action := range []securityv1beta1.AuthorizationPolicy_Action{securityv1beta1.AuthorizationPolicy_ALLOW, securityv1beta1.AuthorizationPolicy_DENY, securityv1beta1.AuthorizationPolicy_AUDIT} {
		policies = append(policies, authorization(&securityv1beta1.AuthorizationPolicy{Action: action, Rules: []*securityv1beta1.Rule{{}}}))
	}
	view := model.View{AuthorizationPolicies: policies, Ports: []model.Port{{Number: 1, Traffic: model.TCP, Chains: []model.Chain{{
		VirtualService: object(resource.VirtualService, nil),
	}}}}}
	out := RenderIstio(view, policy.Of(view))
	var actions []rbacv3.RBAC_Action
	for _, e := range out.ExtensionConfigs {
		filter := &rbacnetworkv3.RBAC{}
		if e.GetTypedConfig().UnmarshalTo(filter) != nil {
			continue
		}
		if e.GetName() != "envoy.filters.network.rbac" {
			t.Errorf("the name is %q", e.GetName())
		}
		actions = append(actions, filter.GetRules().GetAction())
	}
	if diff := gocmp.Diff([]rbacv3.RBAC_Action{rbacv3.RBAC_LOG, rbacv3.RBAC_DENY, rbacv3.RBAC_ALLOW}, actions); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var names []string
	for _, f := range out.Listeners[0].GetFilterChains()[0].GetFilters() {
		names = append(names, f.GetName())
	}
	want := []string{"envoy.filters.network.rbac", "envoy.filters.network.rbac", "envoy.filters.network.rbac", "envoy.filters.network.tcp_proxy"}
	if diff := gocmp.Diff(want, names); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if out := RenderIstio(model.View{}, policy.Of(model.View{})); len(out.ExtensionConfigs) != 0 {
		t.Errorf("without policy there are %v", out.ExtensionConfigs)
	}
}

// TestNoConnectionIsWithoutPolicy holds that every chain begins with all of policy, whether
// it comes by the stream or stands in the listener.
func TestNoConnectionIsWithoutPolicy(t *testing.T) {
	chain := model.Chain{VirtualService: object(resource.VirtualService, nil)}
	view := model.View{Ports: []model.Port{
		{Number: 1, Traffic: model.TCP, Chains: []model.Chain{chain}},
		{Number: 2, Traffic: model.Passthrough, Chains: []model.Chain{chain, chain}},
		{Number: 3, Traffic: model.TCP},
	}}
	want := []string{policy.NetworkCustomFilter, policy.NetworkAuditFilter, policy.NetworkDenyFilter, policy.NetworkAllowFilter, "envoy.filters.network.tcp_proxy"}
	for how, out := range map[string]Resources{"stream": Render(view, policy.Of(view)), "static": RenderStatic(view, policy.Of(view))} {
		if len(out.Listeners) != 2 {
			t.Errorf("%s: %d listeners, want none for the port without a chain", how, len(out.Listeners))
		}
		for _, l := range out.Listeners {
			for _, c := range l.GetFilterChains() {
				var names []string
				for _, f := range c.GetFilters() {
					names = append(names, f.GetName())
					policy := f.GetName() != "envoy.filters.network.tcp_proxy"
					if (how == "stream" && policy) != (f.GetConfigDiscovery() != nil) || f.GetConfigDiscovery().GetDefaultConfig() != nil {
						t.Errorf("%s: %s is not configured as it should be", how, f.GetName())
					}
				}
				if diff := gocmp.Diff(want, names); diff != "" {
					t.Errorf("%s (-want +got):\n%s", how, diff)
				}
			}
		}
	}
}
