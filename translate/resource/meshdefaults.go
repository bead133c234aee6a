package resource

import (
	"strings"

	meshv1alpha1 "istio.io/api/mesh/v1alpha1"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"
)

// meshDefaults checks what the mesh configuration says for those objects that say nothing
// themselves, by the same rules as in these.
func (c meshChecker) meshDefaults(config *meshv1alpha1.MeshConfig) {
	c.exportToAt(Path{"defaultServiceExportTo"}, config.GetDefaultServiceExportTo(), "~")
	c.exportToAt(Path{"defaultVirtualServiceExportTo"}, config.GetDefaultVirtualServiceExportTo(), "~")
	c.exportToAt(Path{"defaultDestinationRuleExportTo"}, config.GetDefaultDestinationRuleExportTo(), "~")
	c.timeoutBetween(Path{"dnsRefreshRate"}, config.GetDnsRefreshRate(), longest)
	if r := config.GetDefaultHttpRetryPolicy(); r != nil {
		path := Path{"defaultHttpRetryPolicy"}
		c.supportedIn(r.ProtoReflect(), path, "", below("http.retries.", virtualServiceFields()))
		retryChecker(c).retries(path, r)
	}
	if l := config.GetLocalityLbSetting(); l != nil {
		path := Path{"localityLbSetting"}
		c.supportedIn(l.ProtoReflect(), path, "", below("loadBalancer.localityLbSetting.", portPolicyFields()))
		// Whether outliers are detected is said elsewhere, service by service.
		loadBalancerChecker(c).localities(path, l, &networkingv1alpha3.OutlierDetection{})
	}
	if p := config.GetDefaultTrafficPolicy(); p != nil {
		path := Path{"defaultTrafficPolicy"}
		c.supportedIn(p.ProtoReflect(), path, "", portPolicyFields())
		connectionPoolChecker(c).connectionPool(path.Field("connectionPool"), p.GetConnectionPool())
		connectionPoolChecker(c).outlierDetection(path.Field("outlierDetection"), p.GetOutlierDetection())
	}
}

// below returns the fields of a block, by the names that they have in it.
func below(prefix string, fields []string) []string {
	var out []string
	for _, f := range fields {
		if name, ok := strings.CutPrefix(f, prefix); ok {
			out = append(out, name)
		}
	}
	return out
}
