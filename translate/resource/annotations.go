package resource

import "github.com/portreeve/portreeve/translate/diag"

// annotations refuses what Istio's webhook refuses on a kind that is no policy: its own
// annotations, and a dry run. The object would count, and who wrote it thinks that it does not.
func (c *checker) annotations() {
	c.reservedAnnotations()
	c.noDryRun()
}

func (c *checker) noDryRun() {
	if _, there := c.meta.annotations[DryRunAnnotation]; there {
		c.addKey(diag.CodeDryRunRequest, Path{"metadata", "annotations", DryRunAnnotation}, "a %s has no dry run", c.key.Kind).
			WithHint("remove the annotation; an AuthorizationPolicy can have it")
	}
}
