package model

import (
	"slices"
	"strings"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// pathSide is what policies and routes say about paths, for those who forget one.
type pathSide struct {
	// named are all values of paths and notPaths of policies.
	named map[string]bool
	// denied are the paths that DENY rules name, allowed the operations of the ALLOW rules, nil
	// where a rule has none.
	denied  pathSet
	allowed []*securityv1beta1.Operation
	// matches are those of the routes, nil where a route has none.
	matches []*networkingv1alpha3.HTTPMatchRequest
}

// maxPathSide bounds each list of a pathSide: with more, nothing is said of paths that are forgotten.
const maxPathSide = 2000

// pathCount is how much a policy says about paths.
type pathCount struct {
	// denied and allowed are how much of it goes into these lists of a pathSide.
	denied, allowed int
	// subtrees says that it names one.
	subtrees bool
}

func pathCountOf(policy *resource.Resource) pathCount {
	side, out := pathSide{named: map[string]bool{}, denied: newPathSet()}, pathCount{}
	spec := policy.Spec.(*securityv1beta1.AuthorizationPolicy)
	for _, rule := range spec.GetRules() {
		side.rule(policy, rule)
		for _, to := range rule.GetTo() {
			o := to.GetOperation()
			out.subtrees = out.subtrees || slices.ContainsFunc(permissiveField(spec, o.GetPaths(), o.GetNotPaths()), func(v string) bool { return strings.HasSuffix(v, "/*") })
		}
	}
	out.denied, out.allowed = side.denied.size, len(side.allowed)
	return out
}

// aboutSubtrees reports whether there may be something to say of subtrees.
func (c policyChecks) aboutSubtrees() bool {
	denied, allowed, some := 0, 0, false
	for _, policy := range c.authorizations {
		denied, allowed, some = denied+policy.paths.denied, allowed+policy.paths.allowed, some || policy.paths.subtrees
	}
	return some && max(denied, allowed) <= maxPathSide
}

// pathSide returns what is said about paths, or false where that is too much.
func (c policyChecks) pathSide() (*pathSide, bool) {
	out := &pathSide{named: map[string]bool{}, denied: newPathSet()}
	for _, policy := range c.authorizations {
		for _, rule := range policy.Spec.(*securityv1beta1.AuthorizationPolicy).GetRules() {
			out.rule(policy.Resource, rule)
		}
		if max(len(out.named), out.denied.size, len(out.allowed)) > maxPathSide {
			return nil, false
		}
	}
	for vs, i := range routeChecks(c).boundHTTP() {
		matches := httpOf(vs)[i].GetMatch()
		if len(matches) == 0 {
			matches = []*networkingv1alpha3.HTTPMatchRequest{nil}
		}
		if out.matches = append(out.matches, matches...); len(out.matches) > maxPathSide {
			return nil, false
		}
	}
	return out, true
}

func (s *pathSide) rule(policy *resource.Resource, rule *securityv1beta1.Rule) {
	action := policy.Spec.(*securityv1beta1.AuthorizationPolicy).GetAction()
	allows := action == securityv1beta1.AuthorizationPolicy_ALLOW && !policy.DryRun()
	if len(rule.GetTo()) == 0 && allows {
		s.allowed = append(s.allowed, nil)
	}
	for _, to := range rule.GetTo() {
		o := to.GetOperation()
		if allows {
			s.allowed = append(s.allowed, o)
		}
		for _, v := range o.GetPaths() {
			s.named[v] = true
			if action == securityv1beta1.AuthorizationPolicy_DENY {
				s.denied.add(v)
			}
		}
		for _, v := range o.GetNotPaths() {
			s.named[v] = true
		}
	}
}

// subtrees warns of paths that are denied, or excepted, with all that is below them, but not
// themselves: /x/* does not match /x. It is not said where somebody has thought of /x, or where
// no request for it gets through: another rule denies it, none allows it, no route takes it; nor of
// rules about methods, since a collection and its members mostly differ there.
func (c policyChecks) subtrees() diag.List {
	if !c.aboutSubtrees() || c.settings.Broken.any(resource.AuthorizationPolicy, resource.JWTPolicy, resource.VirtualService) {
		return nil
	}
	side, ok := c.pathSide()
	if !ok {
		return nil
	}
	var out diag.List
	for _, policy := range c.authorizations {
		spec := policy.Spec.(*securityv1beta1.AuthorizationPolicy)
		if !decides(policy.Resource) || c.appliesToNone(policy) {
			continue
		}
		for i, rule := range spec.GetRules() {
			for j, to := range rule.GetTo() {
				o, at := to.GetOperation(), rulePath(i).Field("to", j, "operation")
				if len(o.GetMethods())+len(o.GetNotMethods()) == 0 {
					of := field{permissiveField(spec, "paths", "notPaths"), permissiveField(spec, o.GetPaths(), o.GetNotPaths())}
					out = append(out, side.subtree(policy.Resource, at, of)...)
				}
			}
		}
	}
	return out
}

func (s *pathSide) subtree(policy *resource.Resource, at resource.Path, of field) diag.List {
	var out diag.List
	for i, v := range of.values {
		path, below := strings.CutSuffix(v, "/*")
		if below && strings.HasPrefix(path, "/") && !strings.ContainsAny(path, "*{}") && s.passes(path) {
			out = append(out, diagnosticAt(diag.CodeSubtreeOnly, policy, at.Field(of.name, i), "%q matches what is below %q and not %q itself, which gets by this rule", v, path, path).
				WithHint("add %q; or, where it is meant to pass, say so with notPaths: [%q] in a DENY rule", path, path))
		}
	}
	return out
}

// passes reports whether nobody has thought of a path and a request for it gets through.
func (s *pathSide) passes(path string) bool {
	return !s.named[path] && !s.denied.covers(path) && s.allows(path) && s.routed(path)
}

func (s *pathSide) allows(path string) bool {
	for _, o := range s.allowed {
		if len(o.GetPaths()) == 0 || anyCovers(o.GetPaths(), path) {
			return true
		}
	}
	return len(s.allowed) == 0
}

// anyCovers reports whether one of the values matches a path, or may: of a template, what stands before
// its first operator is compared.
func anyCovers(values []string, path string) bool {
	return slices.ContainsFunc(values, func(v string) bool {
		before, _, template := strings.Cut(v, "{")
		return template && strings.HasPrefix(path, before) || ruleText(v).covers(pathText{text: path})
	})
}

// routed reports whether a route takes requests for a path, as far as their path says. Where there is
// no route at all, they are written elsewhere.
func (s *pathSide) routed(path string) bool {
	for _, m := range s.matches {
		switch uri := m.GetUri().GetMatchType().(type) {
		case *networkingv1alpha3.StringMatch_Exact:
			if uri.Exact == path {
				return true
			}
		case *networkingv1alpha3.StringMatch_Prefix:
			if strings.HasPrefix(path, uri.Prefix) {
				return true
			}
		default:
			return true
		}
	}
	return len(s.matches) == 0
}
