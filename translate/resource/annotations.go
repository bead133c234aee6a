package resource

import (
	"maps"
	"slices"
	"strings"

	"github.com/portreeve/portreeve/translate/diag"
)

// annotations refuses what Istio's webhook refuses on a kind that is no policy: its own
// annotations, and a dry run. The object would count, and who wrote it thinks that it does not.
func (r *reporter) annotations() {
	r.reservedAnnotations()
	r.noDryRun()
}

func (r *reporter) noDryRun() {
	if _, there := r.meta.annotations[DryRunAnnotation]; there {
		r.addKey(diag.CodeDryRunRequest, Path{"metadata", "annotations", DryRunAnnotation}, "a %s has no dry run", r.key.Kind).
			WithHint("remove the annotation; an AuthorizationPolicy can have it")
	}
}

// reservedAnnotations refuses what Istio's own webhook refuses.
func (r *reporter) reservedAnnotations() {
	for _, name := range slices.Sorted(maps.Keys(r.meta.annotations)) {
		if name == "internal.istio.io/webhook-always-reject" || strings.HasPrefix(name, "internal.istio.io/parent") {
			r.addKey(diag.CodeReservedAnnotation, Path{"metadata", "annotations", name}, "the annotation %s is reserved", name).WithHint("remove it")
		}
	}
}
