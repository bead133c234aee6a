package model

import (
	"maps"

	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// tokenHeader is a header that a rule reads tokens from.
type tokenHeader struct {
	policy *resource.Resource
	scope  diag.Target
}

// claimHeaders reports headers that one object writes claims to and another one, on a
// gateway that both can reach, reads tokens from. A client's value of a claim header is
// removed before tokens are looked for, and with it the token would be. Within one object
// the same is a finding of the object itself.
func (c policyChecks) claimHeaders() diag.List {
	tokens := map[string][]tokenHeader{}
	eachAuthentication(c.Model, func(policy *resource.Resource, rules []*securityv1beta1.JWTRule) {
		seen := map[string]bool{}
		for _, rule := range rules {
			for _, name := range resource.TokenHeaders(rule) {
				if name = resource.FoldedHeader(name); seen[name] {
					continue
				}
				seen[name] = true
				for _, scope := range attachmentOf(policy).scope(policy.Namespace).Targets() {
					tokens[name] = append(tokens[name], tokenHeader{policy, scope})
				}
			}
		}
	})
	var out diag.List
	eachAuthentication(c.Model, func(policy *resource.Resource, rules []*securityv1beta1.JWTRule) {
		for i, rule := range rules {
			for _, o := range resource.ClaimHeaders(rule) {
				path := append(resource.Path{"spec", "jwtRules", i}, o.Path...)
				if d, ok := c.claimHeader(policy, path, o.Name, tokens[resource.FoldedHeader(o.Name)]); ok {
					out = append(out, d)
				}
			}
		}
	})
	return out
}

func eachAuthentication(m *Model, visit func(*resource.Resource, []*securityv1beta1.JWTRule)) {
	for _, p := range m.policies.inOrder(resource.RequestAuthentication) {
		visit(p.Resource, p.Spec.(*securityv1beta1.RequestAuthentication).GetJwtRules())
	}
}

// claimHeader returns the finding about one output, which reaches the gateways that the
// policy shares with those that read tokens from its header.
func (c policyChecks) claimHeader(policy *resource.Resource, path resource.Path, name string, tokens []tokenHeader) (diag.Diagnostic, bool) {
	var other *resource.Resource
	var shared []diag.Target
	for _, scope := range attachmentOf(policy).scope(policy.Namespace).Targets() {
		for _, t := range tokens {
			both, ok := c.intersect(scope, t.scope)
			if t.policy == policy || !ok {
				continue
			}
			shared = append(shared, both)
			if other == nil || t.policy.Key.String() < other.Key.String() {
				other = t.policy
			}
		}
	}
	if other == nil {
		return diag.Diagnostic{}, false
	}
	d := diagnosticAt(diag.CodeClaimHeader, policy, path, "claims are written to the header %s, from which %s reads tokens", name, other.Key)
	d.Scope = diag.Limited(shared...)
	return d.WithHint("a header of their own"), true
}

// scope returns the workloads that a policy of a namespace is for. It never leaves out one
// that selects answers true for.
func (a attachment) scope(namespace string) diag.Scope {
	if len(a.targets) == 0 {
		return diag.Limited(diag.Target{Namespace: namespace, Labels: a.labels})
	}
	targets := make([]diag.Target, 0, len(a.targets))
	for _, t := range a.targets {
		targets = append(targets, diag.Target{Namespace: namespace, Labels: map[string]string{gatewayNameLabel: t.GetName()}})
	}
	return diag.Limited(targets...)
}

// intersect returns the workloads of both targets, and whether there can be any. What
// stands in the root namespace reaches all namespaces.
func (c policyChecks) intersect(a, b diag.Target) (diag.Target, bool) {
	out := diag.Target{Namespace: a.Namespace, Labels: maps.Clone(a.Labels)}
	switch {
	case a.Namespace == b.Namespace:
	case a.Namespace == c.settings.RootNamespace:
		out.Namespace = b.Namespace
	case b.Namespace != c.settings.RootNamespace:
		return diag.Target{}, false
	}
	if out.Labels == nil {
		out.Labels = map[string]string{}
	}
	for k, v := range b.Labels {
		if have, ok := out.Labels[k]; ok && have != v {
			return diag.Target{}, false
		}
		out.Labels[k] = v
	}
	return out, true
}
