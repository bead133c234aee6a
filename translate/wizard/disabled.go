package wizard

import (
	securityv1beta1 "istio.io/api/security/v1beta1"

	portreevev1alpha1 "github.com/portreeve/portreeve/proto/portreeve/v1alpha1"
	"github.com/portreeve/portreeve/translate/resource"
)

// Disabled returns a mark for every JWTPolicy that is written with enabled: false, in order. It
// has the policy's key and place, and a RequestAuthentication without rules that selects what
// the policy does. It enforces nothing: it says that somebody wants just that there.
func Disabled(in []*resource.Resource) []*resource.Resource {
	var out []*resource.Resource
	for _, r := range in {
		if r.Kind != resource.JWTPolicy {
			continue
		}
		if policy := r.Spec.(*portreevev1alpha1.JWTPolicy); disabled(policy) {
			spec := &securityv1beta1.RequestAuthentication{Selector: selector(policy)}
			out = append(out, generated(r, resource.JWTPolicy, spec, r.Origin))
		}
	}
	return out
}

func disabled(policy *portreevev1alpha1.JWTPolicy) bool {
	return policy.Enabled != nil && !policy.GetEnabled()
}
