package resource

import "strings"

// The ways in which a Service of Kubernetes prefers endpoints near its clients.
const (
	PreferClose    = "PreferClose"
	PreferSameZone = "PreferSameZone"
	PreferSameNode = "PreferSameNode"
)

// trafficDistributionAnnotation says the same where there is no field for it.
const trafficDistributionAnnotation = "networking.istio.io/traffic-distribution"

func trafficDistributions() []string { return []string{PreferClose, PreferSameZone, PreferSameNode} }

// TrafficDistribution returns the way that a service's field, or else its annotation, says; ""
// is that all endpoints are alike.
func TrafficDistribution(annotations map[string]string, written string) string {
	for _, text := range []string{written, annotations[trafficDistributionAnnotation]} {
		for _, known := range trafficDistributions() {
			if strings.EqualFold(text, known) {
				return known
			}
		}
	}
	return ""
}
