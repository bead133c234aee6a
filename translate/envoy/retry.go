package envoy

import (
	"slices"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	previoushostsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/retry/host/previous_hosts/v3"
	previousprioritiesv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/retry/priority/previous_priorities/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/resource"
)

// retries renders when a request is sent again: as the VirtualService or else the mesh says,
// and where neither says anything as Istio does. Without attempts it is nil, which is never.
func retries(r *networkingv1alpha3.HTTPRetry) *routev3.RetryPolicy {
	out := defaultRetries()
	if r == nil {
		return out
	}
	if r.GetAttempts() <= 0 {
		return nil
	}
	out.NumRetries = wrapperspb.UInt32(uint32(r.GetAttempts()))
	if r.GetRetryOn() != "" {
		statuses, conditions := resource.RetryOn(r.GetRetryOn())
		if len(statuses) > 0 && !slices.Contains(conditions, retriableStatuses) {
			conditions = append(conditions, retriableStatuses)
		}
		out.RetryOn, out.RetriableStatusCodes = strings.Join(conditions, ","), statuses
	}
	out.PerTryTimeout = r.GetPerTryTimeout()
	if ignore := r.GetRetryIgnorePreviousHosts(); ignore != nil && !ignore.GetValue() {
		out.RetryHostPredicate = nil
	}
	if r.GetRetryRemoteLocalities().GetValue() {
		out.RetryPriority = &routev3.RetryPolicy_RetryPriority{
			Name:       "envoy.retry_priorities.previous_priorities",
			ConfigType: &routev3.RetryPolicy_RetryPriority_TypedConfig{TypedConfig: match.Any(&previousprioritiesv3.PreviousPrioritiesConfig{UpdateFrequency: 2})},
		}
	}
	if r.GetBackoff() != nil {
		out.RetryBackOff = &routev3.RetryPolicy_RetryBackOff{BaseInterval: r.GetBackoff()}
	}
	return out
}

const retriableStatuses = "retriable-status-codes"

// defaultRetries is Istio's policy where the VirtualService sets none: twice, on failures
// that happen before the backend has seen the request, and on another endpoint.
func defaultRetries() *routev3.RetryPolicy {
	return &routev3.RetryPolicy{
		NumRetries: wrapperspb.UInt32(2),
		RetryOn:    "connect-failure,refused-stream,unavailable,cancelled," + retriableStatuses,
		RetryHostPredicate: []*routev3.RetryPolicy_RetryHostPredicate{{
			Name:       "envoy.retry_host_predicates.previous_hosts",
			ConfigType: &routev3.RetryPolicy_RetryHostPredicate_TypedConfig{TypedConfig: match.Any(&previoushostsv3.PreviousHostsPredicate{})},
		}},
		HostSelectionRetryMaxAttempts: 5,
	}
}
