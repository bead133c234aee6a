package wizard

import (
	securityv1beta1 "istio.io/api/security/v1beta1"

	portreevev1alpha1 "github.com/portreeve/portreeve/proto/portreeve/v1alpha1"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// authorization returns the AuthorizationPolicy of a JWTPolicy and whether one is needed:
// in mode BYPASS_AUTH_IF_MATCHED with a match of every request no request needs a token.
//
// A mode that is not known counts as AUTH_IF_MATCHED, and no rules count as every request
// that needs a token, so a policy that slipped past validation asks for more tokens, not fewer.
func authorization(r *resource.Resource, policy *portreevev1alpha1.JWTPolicy) (*resource.Resource, bool, diag.List) {
	rules, origin, diags := authRules(r, policy.GetMatching())
	if len(rules) == 0 {
		return nil, false, diags
	}
	spec := &securityv1beta1.AuthorizationPolicy{
		Selector: selector(policy),
		Action:   securityv1beta1.AuthorizationPolicy_DENY,
		Rules:    rules,
	}
	return generated(r, resource.AuthorizationPolicy, spec, origin), true, diags
}

func authRules(r *resource.Resource, matching *portreevev1alpha1.Matching) ([]*securityv1beta1.Rule, resource.Origin, diag.List) {
	origin := matchingOrigin(r.Origin)
	bypass := matching.GetMode() == portreevev1alpha1.Matching_BYPASS_AUTH_IF_MATCHED
	switch {
	case matching.GetAllRequests() && bypass:
		return nil, origin, nil
	case matching.GetAllRequests() || len(matching.GetRules()) == 0:
		all := origin.Aliased(resource.Path{"spec", "rules"}, resource.Path{"spec", "matching", "allRequests"})
		return []*securityv1beta1.Rule{withoutToken()}, all, nil
	case bypass:
		terms, ok := complement(matching.GetRules())
		if !ok {
			return nil, origin, diag.List{tooManyTerms(r, len(matching.GetRules()))}
		}
		return each(terms, except), origin, nil
	default:
		return each(allOf(matching.GetRules()), require), perRule(origin, matching.GetRules()), nil
	}
}

func each(terms []term, f func(term) *securityv1beta1.Rule) []*securityv1beta1.Rule {
	out := make([]*securityv1beta1.Rule, 0, len(terms))
	for _, t := range terms {
		out = append(out, f(t))
	}
	return out
}

func allOf(rules []*portreevev1alpha1.Rule) []term {
	out := make([]term, 0, len(rules))
	for _, rule := range rules {
		out = append(out, termOf(rule))
	}
	return out
}

// withoutToken returns a rule that matches requests without a valid token, and nothing
// else of them. Istio's request principal needs the claims iss and sub, so a valid token
// without sub counts as none: it is refused.
func withoutToken() *securityv1beta1.Rule {
	return &securityv1beta1.Rule{From: []*securityv1beta1.Rule_From{
		{Source: &securityv1beta1.Source{NotRequestPrincipals: []string{"*"}}},
	}}
}

// require returns the rule that refuses a request without a valid token where every
// constraint of the term holds.
func require(t term) *securityv1beta1.Rule {
	var op securityv1beta1.Operation
	out := withoutToken()
	for _, c := range t {
		switch c.kind {
		case hosts:
			op.Hosts = c.values
		case paths:
			op.Paths = c.values
		case methods:
			op.Methods = c.values
		case ports:
			op.Ports = c.values
		case header:
			out.When = append(out.When, &securityv1beta1.Condition{Key: c.key(), Values: c.values})
		}
	}
	return withOperation(out, &op, len(t)-len(out.GetWhen()))
}

// except returns the rule that refuses a request without a valid token where no constraint
// of the term holds. Istio builds every not… list as the negation of the whole positive
// matcher, so it holds exactly where the positive one does not: for an absent header too.
func except(t term) *securityv1beta1.Rule {
	var op securityv1beta1.Operation
	out := withoutToken()
	for _, c := range t {
		switch c.kind {
		case hosts:
			op.NotHosts = c.values
		case paths:
			op.NotPaths = c.values
		case methods:
			op.NotMethods = c.values
		case ports:
			op.NotPorts = c.values
		case header:
			out.When = append(out.When, &securityv1beta1.Condition{Key: c.key(), NotValues: c.values})
		}
	}
	return withOperation(out, &op, len(t)-len(out.GetWhen()))
}

// withOperation adds an operation of the given number of fields; without any there is no
// to, which Istio reads as every operation.
func withOperation(rule *securityv1beta1.Rule, op *securityv1beta1.Operation, fields int) *securityv1beta1.Rule {
	if fields > 0 {
		rule.To = []*securityv1beta1.Rule_To{{Operation: op}}
	}
	return rule
}

// matchingOrigin makes all rules of an AuthorizationPolicy point at the policy's matching.
func matchingOrigin(o resource.Origin) resource.Origin {
	return o.Aliased(resource.Path{"spec", "rules"}, resource.Path{"spec", "matching"}).
		Aliased(resource.Path{"spec", "action"}, resource.Path{"spec", "matching", "mode"})
}

// perRule makes the i-th rule of an AuthorizationPolicy point at the i-th rule of the
// matching: its operation at the lists of that rule, its conditions at that rule's headers.
func perRule(o resource.Origin, rules []*portreevev1alpha1.Rule) resource.Origin {
	for i, rule := range rules {
		from := resource.Path{"spec", "rules", i}
		to := resource.Path{"spec", "matching", "rules", i}
		o = o.Aliased(from, to).
			Aliased(from.Field("to", 0, "operation"), to).
			Aliased(from.Field("when"), to.Field("headers"))
		for k := range rule.GetHeaders() {
			o = o.Aliased(from.Field("when", k, "key"), to.Field("headers", k, "name"))
		}
	}
	return o
}

func tooManyTerms(r *resource.Resource, rules int) diag.Diagnostic {
	path := resource.Path{"spec", "matching", "rules"}
	d := diag.New(diag.CodeComplement, r.Origin.At(path),
		"everything but what these %d rules match cannot be written as at most %d rules of an AuthorizationPolicy", rules, maxTerms).
		WithHint("merge rules that differ in one list only, drop lists that say little, split the policy by gateway, " +
			"or list the requests that do need a token with mode AUTH_IF_MATCHED")
	d.Object, d.Field, d.Scope = r.Key.String(), path.String(), scopeOf(r)
	return d
}
