package envoy

import (
	"slices"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	corsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/cors/v3"
	faultv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/fault/v3"
	grpcwebv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/grpc_web/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/model"
)

// The filters that a route can have a word with.
const (
	faultFilter = "envoy.filters.http.fault"
	corsFilter  = "envoy.filters.http.cors"
)

// httpFilters returns the HTTP filter chain of every listener: all of policy, in the order
// that package policy gives it, and then what works on a request that policy has let pass. The order
// decides security and stands here and there only.
func httpFilters(p model.Port, d delivery) []*hcmv3.HttpFilter {
	out := slices.Clone(d.policy)
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
	out = append(out, dynamicForwardProxyFilters(d.services)...)
	return append(out, staticFilter("envoy.filters.http.router", router(d.mesh)))
}

func staticFilter(name string, config proto.Message) *hcmv3.HttpFilter {
	return &hcmv3.HttpFilter{Name: name, ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: match.Any(config)}}
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
