package resource

import (
	"strings"

	typev1beta1 "istio.io/api/type/v1beta1"

	"github.com/portreeve/portreeve/internal/diag"
)

// attached is what RequestAuthentication and AuthorizationPolicy have in common.
type attached interface {
	GetSelector() *typev1beta1.WorkloadSelector
	GetTargetRef() *typev1beta1.PolicyTargetReference
	GetTargetRefs() []*typev1beta1.PolicyTargetReference
}

func (c *checker) attachment(spec attached) {
	set := 0
	if spec.GetSelector() != nil {
		set++
	}
	if spec.GetTargetRef() != nil {
		set++
	}
	if len(spec.GetTargetRefs()) > 0 {
		set++
	}
	if set > 1 {
		c.add(diag.CodeSelector, Path{"spec"}, "only one of selector, targetRef and targetRefs can be set").WithHint("keep one of them")
	}
	c.labels(Path{"spec", "selector", "matchLabels"}, spec.GetSelector().GetMatchLabels())
	if ref := spec.GetTargetRef(); ref != nil {
		c.targetRef(Path{"spec", "targetRef"}, ref)
	}
	if len(spec.GetTargetRefs()) > 16 {
		c.add(diag.CodeTargetRef, Path{"spec", "targetRefs"}, "there are %d targetRefs", len(spec.GetTargetRefs())).WithHint("at most 16")
	}
	for i, ref := range spec.GetTargetRefs() {
		c.targetRef(Path{"spec", "targetRefs", i}, ref)
	}
}

func (c *checker) labels(path Path, labels map[string]string) {
	for k, v := range labels {
		if k == "" || strings.Contains(k, "*") || strings.Contains(v, "*") {
			c.add(diag.CodeSelector, path.Field(k), "a selector has no wildcards and no empty keys: %q: %q", k, v).WithHint("write the label as the gateway has it")
		}
	}
}

func (c *checker) targetRef(path Path, ref *typev1beta1.PolicyTargetReference) {
	known := map[string]string{"Service": "", "ServiceEntry": "networking.istio.io", "Gateway": "gateway.networking.k8s.io", "GatewayClass": "gateway.networking.k8s.io"}
	group, ok := known[ref.GetKind()]
	switch {
	case !ok || (group != ref.GetGroup() && (group != "" || ref.GetGroup() != "core")):
		c.add(diag.CodeTargetRef, path.Field("kind"), "a policy cannot target %s of %q", ref.GetKind(), ref.GetGroup()).
			WithHint("Service, networking.istio.io ServiceEntry, gateway.networking.k8s.io Gateway or GatewayClass")
	case ref.GetName() == "":
		c.add(diag.CodeTargetRef, path, "the targetRef has no name").WithHint("name the target")
	case ref.GetNamespace() != "":
		c.add(diag.CodeTargetRef, path.Field("namespace"), "a targetRef cannot name a namespace").WithHint("put the policy in the target's namespace")
	}
}
