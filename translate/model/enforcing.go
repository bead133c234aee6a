package model

import (
	"iter"
	"slices"
	"strings"

	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// Effect is what the policy that applies to one gateway comes to.
type Effect struct {
	// Enforcing are the policies that enforce anything: RequestAuthentications with rules, then
	// AuthorizationPolicies that are neither AUDIT nor a dry run.
	Enforcing []*resource.Resource
	// AsksForToken says that one of them tells requests with a token from those without: by
	// presence REQUIRED, or by a rule about tokens. What an external authorizer asks for is
	// not known.
	AsksForToken bool
	// Diagnostics warn, where none does, of those that verify tokens.
	Diagnostics diag.List
}

// Effect returns what the policy that applies to a gateway comes to.
func (m *Model) Effect(g Gateway) Effect {
	out := Effect{Enforcing: make([]*resource.Resource, 0, len(m.policies[resource.AuthorizationPolicy][g.Namespace]))}
	for policy := range m.enforcing(g) {
		out.Enforcing = append(out.Enforcing, policy.Resource)
		out.AsksForToken = out.AsksForToken || policy.asksForToken
	}
	for _, policy := range out.Enforcing {
		if policy.Kind == resource.RequestAuthentication && !out.AsksForToken {
			out.Diagnostics = append(out.Diagnostics, tokenOptional(policy))
		}
	}
	return out
}

// Enforces reports whether any policy enforces anything on a gateway.
func (m *Model) Enforces(g Gateway) bool {
	for range m.enforcing(g) {
		return true
	}
	return false
}

func (m *Model) enforcing(g Gateway) iter.Seq[*attached] {
	return func(yield func(*attached) bool) {
		for _, kind := range []resource.Kind{resource.RequestAuthentication, resource.AuthorizationPolicy} {
			for policy := range selecting(m.policies[kind], g, m.settings.RootNamespace, g.Namespace) {
				if policy.enforces && !yield(policy) {
					return
				}
			}
		}
	}
}

// enforces reports a policy that can refuse a request. An action that is not known enforces:
// that it would be taken away is then told rather than overlooked.
func enforces(policy *resource.Resource) bool {
	switch spec := policy.Spec.(type) {
	case *securityv1beta1.RequestAuthentication:
		return len(spec.GetJwtRules()) > 0
	case *securityv1beta1.AuthorizationPolicy:
		return !policy.DryRun() && spec.GetAction() != securityv1beta1.AuthorizationPolicy_AUDIT
	default:
		return false
	}
}

// Disabled returns the mark of a policy that selects a gateway and is switched off on purpose,
// or nil.
func (m *Model) Disabled(g Gateway) *resource.Resource {
	for mark := range selecting(m.disabled, g, m.settings.RootNamespace, g.Namespace) {
		return mark.Resource
	}
	return nil
}

// RootNamespace returns the namespace whose policies apply to the gateways of all namespaces.
func (m *Model) RootNamespace() string { return m.settings.RootNamespace }

func asksForToken(policy *resource.Resource) bool {
	switch spec := policy.Spec.(type) {
	case *securityv1beta1.RequestAuthentication:
		return requiresToken(spec.GetJwtRules())
	case *securityv1beta1.AuthorizationPolicy:
		return decides(policy) && slices.ContainsFunc(spec.GetRules(), aboutTokens)
	default:
		return false
	}
}

// aboutTokens reports a rule for which tokenUses returns something.
func aboutTokens(rule *securityv1beta1.Rule) bool {
	return slices.ContainsFunc(rule.GetFrom(), func(f *securityv1beta1.Rule_From) bool {
		return len(f.GetSource().GetRequestPrincipals())+len(f.GetSource().GetNotRequestPrincipals()) > 0
	}) || slices.ContainsFunc(rule.GetWhen(), func(c *securityv1beta1.Condition) bool { return strings.HasPrefix(c.GetKey(), authKeys) })
}

func requiresToken(rules []*securityv1beta1.JWTRule) bool {
	return slices.ContainsFunc(rules, func(r *securityv1beta1.JWTRule) bool {
		return r.GetPresence() == securityv1beta1.JWTRule_REQUIRED
	})
}

// tokenOptional warns of a policy that verifies tokens where nothing asks for one.
func tokenOptional(policy *resource.Resource) diag.Diagnostic {
	return diagnosticAt(diag.CodeTokenOptional, policy, resource.Path{"spec", "jwtRules"}, "requests without a token pass: no AuthorizationPolicy here asks for one").
		WithHint(`a DENY policy with notRequestPrincipals: ["*"], or presence: REQUIRED`)
}
