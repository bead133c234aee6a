package envoy

import (
	"strconv"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	corsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/cors/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/envoy/match"
)

// cors renders what browsers are told of requests from other origins.
func cors(p *networkingv1alpha3.CorsPolicy) *corsv3.CorsPolicy {
	out := &corsv3.CorsPolicy{
		FilterEnabled:    &corev3.RuntimeFractionalPercent{DefaultValue: millionths(100)},
		AllowMethods:     strings.Join(p.GetAllowMethods(), ","),
		AllowHeaders:     strings.Join(p.GetAllowHeaders(), ","),
		ExposeHeaders:    strings.Join(p.GetExposeHeaders(), ","),
		AllowCredentials: p.GetAllowCredentials(),
		// A preflight of another origin goes on to the backend unless it is to be ignored.
		ForwardNotMatchingPreflights: wrapperspb.Bool(p.GetUnmatchedPreflights() != networkingv1alpha3.CorsPolicy_IGNORE),
	}
	for _, origin := range p.GetAllowOrigins() {
		out.AllowOriginStringMatch = append(out.AllowOriginStringMatch, text(origin))
	}
	if len(p.GetAllowOrigins()) == 0 {
		for _, origin := range p.GetAllowOrigin() { //nolint:staticcheck // the older field still counts
			out.AllowOriginStringMatch = append(out.AllowOriginStringMatch, match.Exact(origin))
		}
	}
	if t := p.GetMaxAge(); t != nil {
		out.MaxAge = strconv.FormatInt(t.GetSeconds(), 10)
	}
	return out
}
