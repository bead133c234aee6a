package resource

import (
	"maps"
	"slices"
	"strings"

	typev1beta1 "istio.io/api/type/v1beta1"

	"github.com/portreeve/portreeve/translate/diag"
)

// attached is what RequestAuthentication and AuthorizationPolicy have in common.
type attached interface {
	GetSelector() *typev1beta1.WorkloadSelector
	GetTargetRef() *typev1beta1.PolicyTargetReference
	GetTargetRefs() []*typev1beta1.PolicyTargetReference
}

// The API's bounds.
const (
	maxTargetRefs  = 16
	maxTargetName  = 253
	maxLabelLength = 63
)

// attachmentChecker checks how a policy says which workloads it is for.
type attachmentChecker struct{ valueChecker }

// attachment checks how a policy says which workloads it is for.
func (c attachmentChecker) attachment(spec attached) {
	c.oneAttachment(spec)
	if s := spec.GetSelector(); s != nil {
		c.selector(Path{"spec", "selector"}, s.GetMatchLabels())
	}
	if ref := spec.GetTargetRef(); ref != nil {
		c.targetRef(Path{"spec", "targetRef"}, ref)
	}
	c.atMost(Path{"spec", "targetRefs"}, len(spec.GetTargetRefs()), maxTargetRefs)
	for i, ref := range spec.GetTargetRefs() {
		c.targetRef(Path{"spec", "targetRefs", i}, ref)
	}
	c.reservedAnnotations()
}

func (c attachmentChecker) oneAttachment(spec attached) {
	var set []string
	if spec.GetSelector() != nil {
		set = append(set, "selector")
	}
	if spec.GetTargetRef() != nil {
		set = append(set, "targetRef")
	}
	// Istio's CRD counts a list that is written, also an empty one.
	if c.written(Path{"spec", "targetRefs"}) {
		set = append(set, "targetRefs")
	}
	if len(set) > 1 {
		c.addKey(diag.CodeSelector, Path{"spec", set[1]}, "%s cannot be set together", strings.Join(set, " and ")).WithHint("keep one of them")
	}
}

// selector checks the labels of a selector.
func (c attachmentChecker) selector(path Path, labels map[string]string) {
	if len(labels) == 0 {
		c.addMissing(diag.CodeSelectorEmpty, path, "%s has no labels, so the policy applies to every workload in its scope", path).
			WithHint("give it matchLabels, or leave the selector out")
	}
	c.labels(path.Field("matchLabels"), labels)
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		if n := len(labels[key]); n > maxLabelLength {
			c.add(diag.CodeTooMany, path.Field("matchLabels", key), "the value of the label %s has %d characters", key, n).WithHint("at most %d; no workload has a longer one", maxLabelLength)
		}
	}
}

// targetKinds are the kinds, by group and kind, that a policy can be attached to.
func targetKinds() []string {
	return []string{"gateway.networking.k8s.io/Gateway", "gateway.networking.k8s.io/GatewayClass", "networking.istio.io/ServiceEntry", "/Service"}
}

func (c attachmentChecker) targetRef(path Path, ref *typev1beta1.PolicyTargetReference) {
	group := ref.GetGroup()
	if group == "core" {
		group = ""
	}
	if kind := group + "/" + ref.GetKind(); !slices.Contains(targetKinds(), kind) {
		c.addMissing(diag.CodeTargetRef, c.deepest(path, "kind"), "a policy cannot target a %q of the group %q", ref.GetKind(), ref.GetGroup()).
			WithHint("%s", choice(kind, targetKinds()))
	}
	switch n := len(ref.GetName()); {
	case n == 0:
		c.addMissing(diag.CodeTargetName, path, "%s has no name", path).WithHint("name the target")
	case n > maxTargetName:
		c.add(diag.CodeTooMany, path.Field("name"), "the name of the target has %d characters", n).WithHint("at most %d", maxTargetName)
	}
	if ref.GetNamespace() != "" {
		c.add(diag.CodeTargetNamespace, path.Field("namespace"), "a targetRef cannot name a namespace").WithHint("put the policy into the target's namespace")
	}
}
