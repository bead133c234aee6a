package envoy

import (
	"strconv"

	commonmatcherv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/matcher/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"
)

// outlierErrors says which responses count as errors of an endpoint; nil is those of 500 and
// above. Where statuses are written they alone count: another 5xx is then a success.
func outlierErrors(o *networkingv1alpha3.OutlierDetection) *httpv3.HttpProtocolOptions_OutlierDetection {
	var errors []*commonmatcherv3.MatchPredicate
	for _, code := range o.GetOutlierDetectionHttpErrorCodes() {
		errors = append(errors, hasStatus(code))
	}
	switch len(errors) {
	case 0:
		return nil
	case 1:
		return &httpv3.HttpProtocolOptions_OutlierDetection{ErrorMatcher: errors[0]}
	default:
		return &httpv3.HttpProtocolOptions_OutlierDetection{ErrorMatcher: &commonmatcherv3.MatchPredicate{
			Rule: &commonmatcherv3.MatchPredicate_OrMatch{OrMatch: &commonmatcherv3.MatchPredicate_MatchSet{Rules: errors}},
		}}
	}
}

func hasStatus(code uint32) *commonmatcherv3.MatchPredicate {
	status := &routev3.HeaderMatcher{Name: ":status", HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{
		StringMatch: &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: strconv.FormatUint(uint64(code), 10)}},
	}}
	return &commonmatcherv3.MatchPredicate{Rule: &commonmatcherv3.MatchPredicate_HttpResponseHeadersMatch{
		HttpResponseHeadersMatch: &commonmatcherv3.HttpHeadersMatch{Headers: []*routev3.HeaderMatcher{status}},
	}}
}
