package resource

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/portreeve/portreeve/translate/diag"
)

// partName is what Istio takes for the name of a port or subset, in any case.
var partName = regexp.MustCompile(`^[A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?$`)

func isPartName(s string) bool { return partName.MatchString(s) }

// labelPart is the value of a label, or the name in its key.
var labelPart = regexp.MustCompile(`^[A-Za-z0-9]([-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?$`)

// workloadLabels checks labels that workloads have, or are chosen by. One that no workload
// can have would make a subset, or a route, that nothing belongs to.
func (c valueChecker) workloadLabels(path Path, labels map[string]string) {
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		at := path.Field(key)
		if !isLabelKey(key) {
			c.addKey(diag.CodeSelectorLabel, at, "%q is not the key of a label", key).WithHint(labelKeyForm)
		}
		if v := labels[key]; v != "" && !labelPart.MatchString(v) {
			c.add(diag.CodeSelectorLabel, at, "%q is not the value of a label", v).WithHint(labelForm)
		}
	}
}

// isLabelKey accepts name and domain/name.
func isLabelKey(key string) bool {
	domain, name, qualified := strings.Cut(key, "/")
	if !qualified {
		return labelPart.MatchString(key)
	}
	return isSubdomain(strings.ToLower(domain)) && labelPart.MatchString(name)
}
