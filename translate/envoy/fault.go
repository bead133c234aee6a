package envoy

import (
	"math"

	commonfaultv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/common/fault/v3"
	faultv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/fault/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/resource"
)

// fault renders delays and aborts, or nil where there are none.
func fault(f *networkingv1alpha3.HTTPFaultInjection) *faultv3.HTTPFault {
	out := &faultv3.HTTPFault{Delay: delay(f.GetDelay()), Abort: abort(f.GetAbort())}
	if out.Delay == nil && out.Abort == nil {
		return nil
	}
	return out
}

func delay(d *networkingv1alpha3.HTTPFaultInjection_Delay) *commonfaultv3.FaultDelay {
	if d.GetFixedDelay() == nil {
		return nil
	}
	share := float64(d.GetPercent()) //nolint:staticcheck // the older field still counts
	if d.GetPercentage() != nil {
		share = d.GetPercentage().GetValue()
	}
	return &commonfaultv3.FaultDelay{
		FaultDelaySecifier: &commonfaultv3.FaultDelay_FixedDelay{FixedDelay: d.GetFixedDelay()},
		Percentage:         millionths(share),
	}
}

func abort(a *networkingv1alpha3.HTTPFaultInjection_Abort) *faultv3.FaultAbort {
	out := &faultv3.FaultAbort{Percentage: millionths(a.GetPercentage().GetValue())}
	switch how := a.GetErrorType().(type) {
	case *networkingv1alpha3.HTTPFaultInjection_Abort_HttpStatus:
		out.ErrorType = &faultv3.FaultAbort_HttpStatus{HttpStatus: uint32(how.HttpStatus)} //nolint:gosec // bounded by validation
	case *networkingv1alpha3.HTTPFaultInjection_Abort_GrpcStatus:
		status, _ := resource.GRPCStatus(how.GrpcStatus)
		out.ErrorType = &faultv3.FaultAbort_GrpcStatus{GrpcStatus: status}
	default:
		return nil
	}
	return out
}

// millionths is a percentage as Envoy counts it.
func millionths(percentage float64) *typev3.FractionalPercent {
	return &typev3.FractionalPercent{Numerator: uint32(math.Round(percentage * 10000)), Denominator: typev3.FractionalPercent_MILLION}
}
