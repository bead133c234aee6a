// Package wizard turns a JWTPolicy into the native Istio resources that mean the same: one
// RequestAuthentication and one AuthorizationPolicy, as the form "enable JWT
// authentication on an ingress gateway" submits them.
//
// The RequestAuthentication refuses an invalid token on every request. The
// AuthorizationPolicy is a DENY of requests without a valid token, so it adds to other
// policies and can never let a request through that they refuse.
package wizard

import (
	"slices"

	securityv1beta1 "istio.io/api/security/v1beta1"

	portreevev1alpha1 "github.com/portreeve/portreeve/proto/portreeve/v1alpha1"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// Expand returns the resources with every JWTPolicy replaced, in its place, by what it
// becomes: a RequestAuthentication and an AuthorizationPolicy of its name, namespace,
// labels and creation time. All other resources pass through unchanged and in order; the
// input is not changed. A JWTPolicy with enabled: false becomes nothing (see Disabled). One in mode
// BYPASS_AUTH_IF_MATCHED that matches every request becomes a RequestAuthentication only.
//
// The JWTPolicies are valid, as resource.Decode leaves them. Errors are a name that a
// native resource has already (CodeDuplicateName) and a complement that would need too
// many rules (CodeComplement); such a JWTPolicy becomes nothing, and the finding reaches
// the gateways that it selects, which therefore keep what they had.
func Expand(in []*resource.Resource) ([]*resource.Resource, diag.List) {
	out, _, diags := Expansions{}.Expand(in)
	return out, diags
}

// Expansions remembers what JWTPolicies became, by the policy itself, which is immutable. The same
// policy becomes the same resources again: not only equal ones. Its zero value knows nothing.
type Expansions struct {
	made map[*resource.Resource]expansion
}

// expansion is what one JWTPolicy becomes, whatever else there is.
type expansion struct {
	made  []*resource.Resource
	diags diag.List
}

// Expand is the function Expand, and returns what to expand with the next time: it knows the policies
// that are in these resources, and no others.
func (x Expansions) Expand(in []*resource.Resource) ([]*resource.Resource, Expansions, diag.List) {
	if !slices.ContainsFunc(in, func(r *resource.Resource) bool { return r.Kind == resource.JWTPolicy }) {
		return in, Expansions{}, nil
	}
	next := Expansions{map[*resource.Resource]expansion{}}
	native := byKey(in)
	out := make([]*resource.Resource, 0, len(in))
	var diags diag.List
	for _, r := range in {
		if r.Kind != resource.JWTPolicy {
			out = append(out, r)
			continue
		}
		of, known := x.made[r]
		if !known {
			of = expand(r)
		}
		next.made[r] = of
		found := slices.Concat(of.diags, collisions(r, of.made, native))
		diags = append(diags, found...)
		if !found.HasErrors() {
			out = append(out, of.made...)
		}
	}
	return out, next, diags
}

// byKey indexes the native resources that a JWTPolicy could collide with.
func byKey(in []*resource.Resource) map[resource.Key]*resource.Resource {
	out := map[resource.Key]*resource.Resource{}
	for _, r := range in {
		if r.Kind == resource.RequestAuthentication || r.Kind == resource.AuthorizationPolicy {
			out[r.Key] = r
		}
	}
	return out
}

func expand(r *resource.Resource) expansion {
	policy := r.Spec.(*portreevev1alpha1.JWTPolicy)
	if disabled(policy) {
		return expansion{}
	}
	out := expansion{made: []*resource.Resource{authentication(r, policy)}}
	authorization, needed, diags := authorization(r, policy)
	if needed {
		out.made = append(out.made, authorization)
	}
	out.diags = diags
	return out
}

// collisions returns an error for every generated resource whose name a native one has. It
// reaches what either of the two reaches, for neither is known to be the one that is meant.
func collisions(policy *resource.Resource, made []*resource.Resource, native map[resource.Key]*resource.Resource) diag.List {
	var out diag.List
	for _, r := range made {
		other, ok := native[r.Key]
		if !ok {
			continue
		}
		path := resource.Path{"metadata", "name"}
		d := diag.New(diag.CodeDuplicateName, policy.Origin.At(path),
			"%s becomes %s, which is already defined at %s", policy.Key, r.Key, other.Origin.At(nil)).
			WithHint("give one of the two another name, or delete one")
		d.Object, d.Field, d.Scope = policy.Key.String(), path.String(), scopeOf(policy).Union(scopeOf(other))
		out = append(out, d)
	}
	return out
}

// scopeOf returns the gateways that a policy can apply to. A policy that is attached by
// targetRefs reaches everyone here: too many keep their last good configuration, not too few.
func scopeOf(r *resource.Resource) diag.Scope {
	switch spec := r.Spec.(type) {
	case *portreevev1alpha1.JWTPolicy:
		return selected(r, spec.GetSelector().GetMatchLabels())
	case *securityv1beta1.RequestAuthentication:
		if spec.GetTargetRef() == nil && len(spec.GetTargetRefs()) == 0 {
			return selected(r, spec.GetSelector().GetMatchLabels())
		}
	case *securityv1beta1.AuthorizationPolicy:
		if spec.GetTargetRef() == nil && len(spec.GetTargetRefs()) == 0 {
			return selected(r, spec.GetSelector().GetMatchLabels())
		}
	}
	return diag.Scope{}
}

func selected(r *resource.Resource, labels map[string]string) diag.Scope {
	return diag.Limited(diag.Target{Namespace: r.Namespace, Labels: labels})
}
