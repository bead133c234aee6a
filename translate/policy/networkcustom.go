package policy

import (
	"maps"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	extauthznetworkv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/ext_authz/v3"
	"google.golang.org/protobuf/proto"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
)

// networkCustom renders the CUSTOM policies for servers whose connections are not read: the
// filter that closes what nobody can be asked about, and for each gRPC provider of the mesh
// configuration a filter that finds out whether it is asked, and the one that asks it.
//
// An HTTP provider cannot be asked about a connection. Istio then asks nobody and forwards;
// here the connection is closed.
func (m making) networkCustom() []Filter {
	closed := &rbacv3.RBAC{Action: rbacv3.RBAC_DENY, Policies: map[string]*rbacv3.Policy{}}
	from := map[string]diag.Position{}
	unknown := false
	for _, name := range m.view.ProviderNames() {
		p, ok := m.view.Provider(name)
		if ok && p.GRPC != nil {
			continue
		}
		set := m.customRules(name, connections)
		denied := refused(set.rules[enforced])
		maps.Copy(closed.Policies, denied.GetPolicies())
		for key := range denied.GetPolicies() {
			from[key], _ = set.trace.At(strings.TrimSuffix(key, badCustom))
		}
		unknown = unknown || !ok
	}
	deny := Filter{Name: NetworkCustomFilter, Config: emptyNetworkRBAC(), Trace: diag.PlacesOf(from)}
	if len(closed.GetPolicies()) > 0 {
		filter := emptyNetworkRBAC()
		filter.Rules = closed
		deny.Config = filter
	}
	if unknown {
		deny.IstioName = networkRBACName
	}
	out := []Filter{deny}
	for _, p := range m.view.GRPCProviders() {
		out = append(out, m.networkPair(p)...)
	}
	return out
}

// networkPair renders the two filters of a gRPC provider. Where nothing is asked of it, both
// let everything pass.
func (m making) networkPair(p model.Provider) []Filter {
	ask := Filter{Name: NetworkExtAuthzFilter + p.Name, IstioName: networkExtAuthzName, Config: emptyNetworkRBAC()}
	set := m.customRules(p.Name, connections)
	if len(set.rules[enforced]) > 0 {
		ask.Config, ask.IstioConfig, ask.Trace = networkExtAuthz(p), func() proto.Message { return istioNetworkExtAuthz(p) }, set.trace
	}
	return []Filter{{Name: NetworkAskFilter + p.Name, IstioName: networkRBACName, Config: set.config, Trace: set.trace}, ask}
}

// networkExtAuthz renders the filter that asks a gRPC provider about the connections that its
// rules, in the filter before it, match. What extAuthz says of names and of failing holds here.
func networkExtAuthz(p model.Provider) *extauthznetworkv3.ExtAuthz {
	request := extAuthz(p)
	out := &extauthznetworkv3.ExtAuthz{
		StatPrefix:            networkStatPrefix,
		TransportApiVersion:   corev3.ApiVersion_V3,
		GrpcService:           request.GetGrpcService(),
		FailureModeAllow:      request.GetFailureModeAllow(),
		FilterEnabledMetadata: request.GetFilterEnabledMetadata(),
	}
	out.FilterEnabledMetadata.Filter = networkRBACName
	return out
}

// istioNetworkExtAuthz is networkExtAuthz as Istio writes it.
func istioNetworkExtAuthz(p model.Provider) *extauthznetworkv3.ExtAuthz {
	request := istioExtAuthz(p)
	out := networkExtAuthz(p)
	out.GrpcService, out.FailureModeAllow = request.GetGrpcService(), request.GetFailureModeAllow()
	out.FilterEnabledMetadata = request.GetFilterEnabledMetadata()
	out.FilterEnabledMetadata.Filter = networkRBACName
	return out
}
