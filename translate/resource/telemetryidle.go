package resource

import (
	"maps"
	"slices"

	telemetryv1alpha1 "istio.io/api/telemetry/v1alpha1"

	"github.com/portreeve/portreeve/translate/diag"
)

// providerNames holds that every provider is named.
func (c telemetryChecker) providerNames(path Path, providers []*telemetryv1alpha1.ProviderRef) {
	for i, p := range providers {
		if p.GetName() == "" {
			c.addMissing(diag.CodeEmptyValue, path.Field("providers", i), "%s has no name", path.Field("providers", i)).WithHint("the name of an extension provider of the mesh configuration, or envoy")
		}
	}
}

// idleTracing refuses what Istio refuses in tracing, which has no effect here: the same file
// is to be good for both.
func (c telemetryChecker) idleTracing(tracing []*telemetryv1alpha1.Tracing) {
	for i, t := range tracing {
		path := Path{"spec", "tracing", i}
		c.providerNames(path, t.GetProviders())
		if v := t.GetRandomSamplingPercentage().GetValue(); !(v >= 0 && v <= 100) {
			c.add(diag.CodeWrongType, path.Field("randomSamplingPercentage"), "%v is not a percentage", v).WithHint("0 to 100")
		}
		for _, name := range slices.Sorted(maps.Keys(t.GetCustomTags())) {
			tag := t.GetCustomTags()[name]
			if tag.GetLiteral().GetValue()+tag.GetHeader().GetName()+tag.GetEnvironment().GetName() != "" && name != "" {
				continue
			}
			c.addKey(diag.CodeEmptyValue, path.Field("customTags", name), "a tag has no name, or nothing that it is made of").WithHint("literal.value, header.name or environment.name")
		}
	}
}

// idleMetrics refuses what Istio refuses in metrics.
func (c telemetryChecker) idleMetrics(metrics []*telemetryv1alpha1.Metrics) {
	for i, m := range metrics {
		path := Path{"spec", "metrics", i}
		c.providerNames(path, m.GetProviders())
		for j, o := range m.GetOverrides() {
			at := path.Field("overrides", j)
			if custom, ok := o.GetMatch().GetMetricMatch().(*telemetryv1alpha1.MetricSelector_CustomMetric); ok && custom.CustomMetric == "" {
				c.add(diag.CodeEmptyValue, at.Field("match", "customMetric"), "%s is empty", at.Field("match", "customMetric")).WithHint("the name of a metric")
			}
			for _, name := range slices.Sorted(maps.Keys(o.GetTagOverrides())) {
				tag := o.GetTagOverrides()[name]
				if upsert := tag.GetOperation() == telemetryv1alpha1.MetricsOverrides_TagOverride_UPSERT; upsert == (tag.GetValue() == "") {
					c.addKey(diag.CodeOneOf, at.Field("tagOverrides", name), "the tag has the operation %s and the value %q", tag.GetOperation(), tag.GetValue()).WithHint("UPSERT with a value, or REMOVE without one")
				}
			}
		}
	}
}
