package resource

import (
	"maps"
	"slices"

	"google.golang.org/genproto/googleapis/rpc/code"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
)

// faultChecker checks the faults that an HTTP route puts in.
type faultChecker struct{ valueChecker }

// fault checks delays and aborts that are put in for a test.
func (c faultChecker) fault(path Path, f *networkingv1alpha3.HTTPFaultInjection) {
	if f == nil {
		return
	}
	if f.GetDelay() == nil && f.GetAbort() == nil {
		c.addMissing(diag.CodeFault, path, "%s has neither delay nor abort", path).WithHint("for example abort: {httpStatus: 503, percentage: {value: 10}}")
	}
	if d := f.GetDelay(); d != nil {
		c.delay(path.Field("delay"), d)
	}
	if a := f.GetAbort(); a != nil {
		c.abort(path.Field("abort"), a)
	}
}

func (c faultChecker) delay(path Path, d *networkingv1alpha3.HTTPFaultInjection_Delay) {
	c.percentage(diag.CodeFault, path.Field("percentage"), d.GetPercentage())
	if d.GetPercent() != 0 { //nolint:staticcheck // the older field still counts
		c.deprecated(path.Field("percent"), "percentage")
		if d.GetPercent() < 0 || d.GetPercent() > 100 { //nolint:staticcheck // the older field still counts
			c.add(diag.CodeFault, path.Field("percent"), "%d is not a percentage", d.GetPercent()).WithHint("0 to 100") //nolint:staticcheck // the older field still counts
		}
	}
	switch t := d.GetHttpDelayType().(type) {
	case *networkingv1alpha3.HTTPFaultInjection_Delay_FixedDelay:
		c.duration(path.Field("fixedDelay"), t.FixedDelay)
	case *networkingv1alpha3.HTTPFaultInjection_Delay_ExponentialDelay:
		c.addKey(diag.CodeFault, path.Field("exponentialDelay"), "Envoy, and so Istio, has no exponential delay").WithHint("fixedDelay")
	case nil:
		c.ineffective(path, "without fixedDelay no request is delayed", "for example fixedDelay: 2s")
	}
	if d.GetPercentage() == nil && d.GetPercent() == 0 { //nolint:staticcheck // the older field still counts
		c.ineffective(path, "without percentage no request is delayed", "percentage: {value: 100} for all")
	}
}

func (c faultChecker) abort(path Path, a *networkingv1alpha3.HTTPFaultInjection_Abort) {
	c.percentage(diag.CodeFault, path.Field("percentage"), a.GetPercentage())
	switch t := a.GetErrorType().(type) {
	case *networkingv1alpha3.HTTPFaultInjection_Abort_HttpStatus:
		if t.HttpStatus < 200 || t.HttpStatus > 599 {
			c.add(diag.CodeFault, path.Field("httpStatus"), "%d is not a status to abort with", t.HttpStatus).WithHint("200 to 599")
		}
	case *networkingv1alpha3.HTTPFaultInjection_Abort_GrpcStatus:
		if _, ok := GRPCStatus(t.GrpcStatus); !ok {
			c.add(diag.CodeFault, path.Field("grpcStatus"), "%q is not the name of a gRPC status", t.GrpcStatus).WithHint("%s", choice(t.GrpcStatus, slices.Sorted(maps.Keys(code.Code_value))))
		}
	case *networkingv1alpha3.HTTPFaultInjection_Abort_Http2Error:
		c.addKey(diag.CodeFault, path.Field("http2Error"), "Envoy, and so Istio, cannot abort with an HTTP/2 error").WithHint("httpStatus or grpcStatus")
	case nil:
		c.ineffective(path, "without httpStatus or grpcStatus no request is aborted", "for example httpStatus: 503")
	}
	if a.GetPercentage() == nil {
		c.ineffective(path, "without percentage no request is aborted", "percentage: {value: 100} for all")
	}
}

// GRPCStatus returns the number of a gRPC status, such as UNAVAILABLE.
func GRPCStatus(name string) (number uint32, ok bool) {
	n, ok := code.Code_value[name]
	return uint32(n), ok //nolint:gosec // the numbers are 0 to 16
}

// ineffective warns of a part that does nothing, which Istio accepts.
func (c faultChecker) ineffective(path Path, what, hint string) {
	c.addMissing(diag.CodeRouteIneffective, path, "%s", what).WithHint("%s", hint)
}
