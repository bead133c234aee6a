package model

import (
	"cmp"
	"maps"
	"strings"
)

// The labels by which Kubernetes and Istio say where something runs.
const (
	regionLabel  = "topology.kubernetes.io/region"
	zoneLabel    = "topology.kubernetes.io/zone"
	subzoneLabel = "topology.istio.io/subzone"
	networkLabel = "topology.istio.io/network"
	hostLabel    = "kubernetes.io/hostname"
	// localityLabel has all of them, of a workload of Istio; the other is its older name.
	localityLabel      = "topology.istio.io/locality"
	olderLocalityLabel = "istio-locality"
)

// placeIn returns region/zone/subzone as the labels of a workload say it in one, or "". Since
// a label has no slash, dots part it.
func placeIn(labels map[string]string) string {
	label := cmp.Or(labels[localityLabel], labels[olderLocalityLabel])
	if strings.Contains(label, "/") {
		return label
	}
	return strings.ReplaceAll(label, ".", "/")
}

// slicePlace returns where an endpoint of Kubernetes runs. Nothing is known here of nodes,
// of which Istio takes it: the labels of what lists the endpoint stand for theirs, and the
// zone is the endpoint's own. Without a region it is "/zone".
func slicePlace(labels map[string]string, zone string) string {
	if whole := placeIn(labels); whole != "" {
		return whole
	}
	parts := []string{labels[regionLabel], cmp.Or(zone, labels[zoneLabel]), labels[subzoneLabel]}
	return strings.TrimRight(strings.Join(parts, "/"), "/")
}

// WithTopology returns labels with those that say where something runs, as Istio adds them,
// so that subsets and failoverPriority can choose by them. Labels may be nil.
func WithTopology(labels map[string]string, place string) map[string]string {
	if place == "" {
		return labels
	}
	out := maps.Clone(labels)
	if out == nil {
		out = map[string]string{}
	}
	names := []string{regionLabel, zoneLabel, subzoneLabel}
	for i, part := range strings.SplitN(place, "/", len(names)) {
		if part != "" {
			out[names[i]] = part
		}
	}
	return out
}
