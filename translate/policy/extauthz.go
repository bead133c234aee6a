package policy

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extauthzv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	meshv1alpha1 "istio.io/api/mesh/v1alpha1"

	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/model"
)

// defaultAuthorizerTimeout is how long Istio lets an authorizer take where nobody says.
const defaultAuthorizerTimeout = 600_000_000_000

// customPrefix begins the names of the rules of CUSTOM policies, before the provider's name.
const customPrefix = "istio-ext-authz-"

// The shadow rules of CUSTOM policies leave the name of the rule that a request matches in
// the request's metadata, and the filter that asks the authorizer reads it there. The names
// are wire format between the two.
const (
	customStatPrefix = "istio_ext_authz_"
	customMatched    = customStatPrefix + "shadow_effective_policy_id"
)

// extAuthz renders the filter that asks a provider about the requests which its rules, in
// the filter before it, match. Only those are asked about.
//
// The name of a rule is the provider's name, "-ns[" and more; no provider's name has a
// bracket, so that a provider is never asked because of the rules of another whose name
// begins with its own.
func extAuthz(p model.Provider) *extauthzv3.ExtAuthz {
	out := &extauthzv3.ExtAuthz{
		TransportApiVersion:   corev3.ApiVersion_V3,
		FilterEnabledMetadata: askedAbout(customPrefix + p.Name + "-ns["),
	}
	if p.HTTP != nil {
		setHTTPAuthorizer(out, p)
	} else {
		setGRPCAuthorizer(out, p)
	}
	if !p.Served {
		// A provider that is not there fails at every request. failOpen is for one that
		// fails at times: what was never configured must not open.
		out.FailureModeAllow = false
	}
	return out
}

// istioExtAuthz is extAuthz as Istio writes it: it takes any rule whose name begins with the
// provider's, and does not look whether the service has the port.
func istioExtAuthz(p model.Provider) *extauthzv3.ExtAuthz {
	p.Served = true
	p.Cluster = model.ClusterName(p.Host, cmp.Or(p.HTTP.GetPort(), p.GRPC.GetPort()))
	out := extAuthz(p)
	out.FilterEnabledMetadata = askedAbout(customPrefix + p.Name)
	return out
}

func askedAbout(prefix string) *matcherv3.MetadataMatcher {
	return match.Metadata(rbacName, []string{customMatched}, match.StringValue(&matcherv3.StringMatcher{
		MatchPattern: &matcherv3.StringMatcher_Prefix{Prefix: prefix},
	}))
}

func setHTTPAuthorizer(filter *extauthzv3.ExtAuthz, p model.Provider) {
	c := p.HTTP
	service := &extauthzv3.HttpService{
		PathPrefix: c.GetPathPrefix(),
		ServerUri: &corev3.HttpUri{
			// Envoy wants an address and does not use it.
			Uri:              "http://" + string(p.Host),
			HttpUpstreamType: &corev3.HttpUri_Cluster{Cluster: p.Cluster},
			Timeout:          authorizerTimeout(c.GetTimeout()),
		},
	}
	if add := c.GetIncludeAdditionalHeadersInCheck(); len(add) > 0 {
		service.AuthorizationRequest = &extauthzv3.AuthorizationRequest{}
		for _, name := range slices.Sorted(maps.Keys(add)) {
			service.AuthorizationRequest.HeadersToAdd = append(service.AuthorizationRequest.HeadersToAdd, &corev3.HeaderValue{Key: name, Value: add[name]})
		}
	}
	upstream, denied, allowed := headerNames(c.GetHeadersToUpstreamOnAllow()), headerNames(c.GetHeadersToDownstreamOnDeny()), headerNames(c.GetHeadersToDownstreamOnAllow())
	if upstream != nil || denied != nil || allowed != nil {
		service.AuthorizationResponse = &extauthzv3.AuthorizationResponse{
			AllowedUpstreamHeaders: upstream, AllowedClientHeaders: denied, AllowedClientHeadersOnSuccess: allowed,
		}
	}
	filter.Services = &extauthzv3.ExtAuthz_HttpService{HttpService: service}
	filter.FailureModeAllow = c.GetFailOpen()
	filter.StatusOnError = statusOnError(c.GetStatusOnError())
	filter.WithRequestBody = requestBody(c.GetIncludeRequestBodyInCheck())
	filter.ClearRouteCache = c.GetClearRouteCache()
	filter.AllowedHeaders = headerNames(c.GetIncludeRequestHeadersInCheck())
	if filter.AllowedHeaders == nil {
		filter.AllowedHeaders = headerNames(c.GetIncludeHeadersInCheck()) //nolint:staticcheck // the older name of the field above
	}
}

func setGRPCAuthorizer(filter *extauthzv3.ExtAuthz, p model.Provider) {
	c := p.GRPC
	filter.Services = &extauthzv3.ExtAuthz_GrpcService{GrpcService: &corev3.GrpcService{
		TargetSpecifier: &corev3.GrpcService_EnvoyGrpc_{EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{
			ClusterName: p.Cluster,
			// Else Envoy sends the cluster's name, which servers refuse for its bars.
			Authority: string(p.Host),
		}},
		Timeout: authorizerTimeout(c.GetTimeout()),
	}}
	filter.FailureModeAllow = c.GetFailOpen()
	filter.StatusOnError = statusOnError(c.GetStatusOnError())
	filter.WithRequestBody = requestBody(c.GetIncludeRequestBodyInCheck())
	filter.ClearRouteCache = c.GetClearRouteCache()
}

func authorizerTimeout(t *durationpb.Duration) *durationpb.Duration {
	if t == nil {
		return durationpb.New(defaultAuthorizerTimeout)
	}
	return t
}

// statusOnError reads the status of an answer when the authorizer fails. Without one, or
// with one that Envoy does not know, it is 403.
func statusOnError(code string) *typev3.HttpStatus {
	n, err := strconv.ParseInt(code, 10, 32)
	if _, known := typev3.StatusCode_name[int32(n)]; err != nil || !known { //nolint:gosec // parsed as 32 bits
		return nil
	}
	return &typev3.HttpStatus{Code: typev3.StatusCode(n)} //nolint:gosec // parsed as 32 bits
}

func requestBody(c *meshv1alpha1.MeshConfig_ExtensionProvider_EnvoyExternalAuthorizationRequestBody) *extauthzv3.BufferSettings {
	if c == nil {
		return nil
	}
	return &extauthzv3.BufferSettings{
		MaxRequestBytes: c.GetMaxRequestBytes(), AllowPartialMessage: c.GetAllowPartialMessage(), PackAsBytes: c.GetPackAsBytes(),
	}
}

// headerNames matches names of headers, without regard to case: "*x" by suffix, "x*" by
// prefix, all else exactly. It is nil for no names.
func headerNames(names []string) *matcherv3.ListStringMatcher {
	if len(names) == 0 {
		return nil
	}
	out := &matcherv3.ListStringMatcher{}
	for _, name := range names {
		m := &matcherv3.StringMatcher{IgnoreCase: true}
		if suffix, ok := strings.CutPrefix(name, "*"); ok {
			m.MatchPattern = &matcherv3.StringMatcher_Suffix{Suffix: suffix}
		} else if prefix, ok := strings.CutSuffix(name, "*"); ok {
			m.MatchPattern = &matcherv3.StringMatcher_Prefix{Prefix: prefix}
		} else {
			m.MatchPattern = match.Exact(name).GetMatchPattern()
		}
		out.Patterns = append(out.Patterns, m)
	}
	return out
}
