package envoy

import (
	"slices"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	corsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/cors/v3"
	faultv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/fault/v3"
	filterchainv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/filter_chain/v3"
	grpcwebv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/grpc_web/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/portreeve/portreeve/translate/model"
)

// PolicyFilter is the one extension config that holds all policy. What a policy edit changes
// travels by ECDS under this name and never changes a listener; and because it is one, an
// edit of tokens and of rules takes effect at once. With an extension config for each filter
// Envoy takes them up one after the other, and meanwhile answers some requests by the new
// tokens and the old rules, or the other way round: it lets requests through that neither
// the old policy nor the new one allows (measured on 1.40).
const PolicyFilter = "portreeve.policy"

// The filters that a route can have a word with.
const (
	faultFilter = "envoy.filters.http.fault"
	corsFilter  = "envoy.filters.http.cors"
)

// httpFilters returns the HTTP filter chain of every listener: all of policy, in the order
// of policyFilters, and then what works on a request that policy has let pass. The order
// decides security and stands here and there only.
func httpFilters(p model.Port, d delivery) []*hcmv3.HttpFilter {
	policy := d.policy
	if policy == nil {
		policy = []*hcmv3.HttpFilter{policySlot()}
	}
	out := slices.Clone(policy)
	if p.GRPCWeb {
		// After authorization, as in Istio, and before what answers in gRPC.
		out = append(out, staticFilter("envoy.filters.http.grpc_web", &grpcwebv3.GrpcWeb{}))
	}
	out = append(out,
		// After authorization: what is not allowed neither is delayed nor gets a CORS answer.
		staticFilter(faultFilter, &faultv3.HTTPFault{}),
		staticFilter(corsFilter, &corsv3.Cors{}),
	)
	// After all that may answer a request: what is answered resolves no name.
	out = append(out, dynamicFilters(d.services)...)
	return append(out, staticFilter("envoy.filters.http.router", router(d.mesh)))
}

// policySlot returns the filter whose configuration arrives by ECDS. It has no default and
// waits without end: until its configuration is there the listener does not open, so a
// missing policy is a closed port and never an open one.
func policySlot() *hcmv3.HttpFilter {
	return &hcmv3.HttpFilter{
		Name: PolicyFilter,
		ConfigType: &hcmv3.HttpFilter_ConfigDiscovery{ConfigDiscovery: &corev3.ExtensionConfigSource{
			ConfigSource: adsSource(),
			TypeUrls:     []string{Any(&filterchainv3.FilterChainConfig{}).GetTypeUrl()},
		}},
	}
}

func staticFilter(name string, config proto.Message) *hcmv3.HttpFilter {
	return &hcmv3.HttpFilter{Name: name, ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: Any(config)}}
}

// adsSource is the stream that a gateway has with its control plane. Without a fetch
// timeout a resource that has not come keeps its user waiting instead of going without.
func adsSource() *corev3.ConfigSource {
	return &corev3.ConfigSource{
		ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}},
		InitialFetchTimeout:   durationpb.New(0),
		ResourceApiVersion:    corev3.ApiVersion_V3,
	}
}
