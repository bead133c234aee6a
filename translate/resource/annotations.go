package resource

import "github.com/portreeve/portreeve/translate/diag"

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
