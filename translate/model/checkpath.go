package model

import (
	"strconv"
	"strings"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// pathsNever warns of paths of a policy that no request can have by the time that rules see it:
// a rule that denies such a path is open.
func (c policyChecks) pathsNever(policy *resource.Resource, at resource.Path, o *securityv1beta1.Operation) diag.List {
	action := policy.Spec.(*securityv1beta1.AuthorizationPolicy).GetAction()
	return append(c.never(policy, at, field{"paths", o.GetPaths()}, idle(action)), c.never(policy, at, field{"notPaths", o.GetNotPaths()}, exceptsNothing)...)
}

// exceptsNothing says what becomes of an exception that nothing matches.
const exceptsNothing = "so it excepts nothing"

// idle says what becomes of a rule of a policy that nothing matches.
func idle(action securityv1beta1.AuthorizationPolicy_Action) string {
	switch action {
	case securityv1beta1.AuthorizationPolicy_DENY:
		return "so it denies nothing"
	case securityv1beta1.AuthorizationPolicy_CUSTOM:
		return "so nobody is asked about it"
	case securityv1beta1.AuthorizationPolicy_AUDIT:
		return "so nothing of it is logged"
	default:
		return "so it allows nothing"
	}
}

func (c policyChecks) never(policy *resource.Resource, at resource.Path, of field, effect string) diag.List {
	form := c.settings.pathForm()
	var out diag.List
	for i, v := range of.values {
		text := ruleText(v)
		if why := form.never(text); why != "" {
			out = append(out, diagnosticAt(diag.CodePathNever, policy, at.Field(of.name, i), "no request has the path %q when rules see it, since %s, %s", v, why, effect).
				WithHint("%s", c.orInstead(text)))
		}
	}
	return out
}

// orInstead says what to write for a path that no request has.
func (m *Model) orInstead(p pathText) string {
	if form := m.settings.pathForm(); !strings.ContainsAny(p.text, "{}") && form.never(form.instead(p)) == "" {
		return "write " + strconv.Quote(form.instead(p).String())
	}
	return "write the path as it is without . and .., with one / between its segments, and without its query"
}

// paths warns of matches of HTTP routes that are about a path which no request has
// when routes see it.
func (c routeChecks) paths() diag.List {
	form := c.settings.pathForm()
	var out diag.List
	for vs, i := range c.boundHTTP() {
		for j, match := range httpOf(vs)[i].GetMatch() {
			field, text := "", pathText{}
			switch uri := match.GetUri().GetMatchType().(type) {
			case *networkingv1alpha3.StringMatch_Exact:
				field, text = "exact", pathText{text: uri.Exact}
			case *networkingv1alpha3.StringMatch_Prefix:
				field, text = "prefix", pathText{text: uri.Prefix, after: true}
			}
			if why := form.never(text); why != "" {
				out = append(out, diagnosticAt(diag.CodeRoutePathNever, vs, resource.Path{"spec", "http", i, "match", j, "uri", field},
					"no request has the path %q when routes see it, since %s, so none gets to this match", text.text, why).WithHint("%s", strings.Replace(c.orInstead(text), `*"`, `"`, 1)))
			}
		}
	}
	return out
}
