package resource

import (
	"google.golang.org/protobuf/proto"
	telemetryv1alpha1 "istio.io/api/telemetry/v1alpha1"

	"github.com/portreeve/portreeve/translate/diag"
)

// telemetryFields are the fields that count, and the two of which it is said that they do not.
func telemetryFields() []string {
	return []string{"selector.matchLabels", "targetRef.group", "targetRef.kind", "targetRef.name", "targetRef.namespace",
		"targetRefs.group", "targetRefs.kind", "targetRefs.name", "targetRefs.namespace",
		"accessLogging.providers.name", "accessLogging.disabled", "accessLogging.match.mode", "accessLogging.filter.expression", "tracing", "metrics"}
}

// telemetryChecker checks a Telemetry; the filter of a log is left to [expressionChecker].
type telemetryChecker struct{ valueChecker }

// checkTelemetry holds a Telemetry against what is translated. Its traces and metrics are
// those of Istio's own build of Envoy; leaving them out opens nothing.
func checkTelemetry(v valueChecker, m proto.Message) {
	c := telemetryChecker{v}
	spec := m.(*telemetryv1alpha1.Telemetry)
	attachmentChecker(c).attachment(spec)
	c.noDryRun()
	for name, n := range map[string]int{"tracing": len(spec.GetTracing()), "metrics": len(spec.GetMetrics())} {
		if n > 0 {
			c.addKey(diag.CodeTelemetryIdle, Path{"spec", name}, "%s of a Telemetry has no effect on these gateways", name).WithHint("leave it out, or keep it for Istio; Envoy's own statistics are at its admin interface")
		}
	}
	c.idleTracing(spec.GetTracing())
	c.idleMetrics(spec.GetMetrics())
	for i, log := range spec.GetAccessLogging() {
		c.logging(Path{"spec", "accessLogging", i}, log)
	}
}

func (c telemetryChecker) logging(path Path, log *telemetryv1alpha1.AccessLogging) {
	c.providerNames(path, log.GetProviders())
	if log.GetFilter() == nil {
		return
	}
	at := path.Field("filter")
	if log.GetFilter().GetExpression() == "" {
		c.addMissing(diag.CodeExpression, c.deepest(at, "expression"), "%s has no expression", at).WithHint("for example expression: response.code >= 400")
		return
	}
	expressionChecker(c).expression(at.Field("expression"), log.GetFilter().GetExpression())
}
