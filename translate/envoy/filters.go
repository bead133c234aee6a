package envoy

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	corsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/cors/v3"
	faultv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/fault/v3"
	headermutationv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/header_mutation/v3"
	jwtauthnv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
)

// The names of the policy filters. They are names of extension configs too: what a policy
// edit changes travels by ECDS under one of them and never changes a listener.
const (
	// ClaimHeadersFilter removes, from every request, the headers that hand claims to backends.
	ClaimHeadersFilter = "portreeve.claim_headers"
	// JWTFilter verifies tokens.
	JWTFilter = "envoy.filters.http.jwt_authn"
	// AuditFilter, DenyFilter and AllowFilter enforce the AuthorizationPolicies of an action.
	AuditFilter = "envoy.filters.http.rbac.audit"
	DenyFilter  = "envoy.filters.http.rbac.deny"
	AllowFilter = "envoy.filters.http.rbac.allow"
)

// httpFilters returns the HTTP filter chain of every listener. The order decides security
// and stands here only.
func httpFilters(d delivery) []*hcmv3.HttpFilter {
	return []*hcmv3.HttpFilter{
		// First of all, so that a client's own value of a claim header never gets further,
		// whichever way the request takes through the next filter.
		d.policySlot(ClaimHeadersFilter, &headermutationv3.HeaderMutation{}),
		// Writes the claims that the authorization filters read.
		d.policySlot(JWTFilter, &jwtauthnv3.JwtAuthentication{}),
		// Never decides, so it sees also what is denied below.
		d.policySlot(AuditFilter, &rbachttpv3.RBAC{}),
		// Before ALLOW: no ALLOW policy can override a DENY.
		d.policySlot(DenyFilter, &rbachttpv3.RBAC{}),
		d.policySlot(AllowFilter, &rbachttpv3.RBAC{}),
		// After authorization: what is not allowed neither is delayed nor gets a CORS answer.
		staticFilter("envoy.filters.http.fault", &faultv3.HTTPFault{}),
		staticFilter("envoy.filters.http.cors", &corsv3.Cors{}),
		staticFilter("envoy.filters.http.router", &routerv3.Router{}),
	}
}

// policySlot returns a filter whose configuration arrives by ECDS. It has no default and
// waits without end: until its configuration is there the listener does not open, so a
// missing policy is a closed port and never an open one.
func (d delivery) policySlot(name string, kind proto.Message) *hcmv3.HttpFilter {
	if config, ok := d.extensions[name]; ok {
		return &hcmv3.HttpFilter{Name: name, ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: config}}
	}
	return &hcmv3.HttpFilter{
		Name: name,
		ConfigType: &hcmv3.HttpFilter_ConfigDiscovery{ConfigDiscovery: &corev3.ExtensionConfigSource{
			ConfigSource: adsSource(),
			TypeUrls:     []string{Any(kind).GetTypeUrl()},
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
