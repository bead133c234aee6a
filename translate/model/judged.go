package model

import (
	"maps"
	"slices"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// judged is what checks found, for the model that follows: each finding is kept with what it depends on, and found
// again where that is the same. Its zero value knows nothing.
type judged struct {
	// scopes and rules are what was found of single policies; those of which nothing was found are not in it.
	scopes, rules map[*attached]found
	// tokens depends on the RequestAuthentications, and on which workloads something asks for tokens. Without it nothing
	// of all this may be taken for found again.
	tokens *tokenSide
	// routes is what was found of routes and policies together, and preflight what it depends on beside the routes.
	routes    diag.List
	preflight preflightSide
}

// found is what a check found of one policy.
type found struct {
	diags diag.List
	// asked are the slips for which it sought suggestions, and how many names there were.
	asked map[slip]int
}

// history says which findings about policies are those of the model before.
type history struct {
	before *Model
	fresh  map[*attached]bool
	// routing says that everything but policies is the same, tokens that the RequestAuthentications are.
	routing, tokens bool
}

// scope returns what was found of the scope of a policy.
func (h history) scope(policy *attached) (found, bool) {
	if !h.routing || h.before.judged.tokens == nil || h.fresh[policy] {
		return found{}, false
	}
	return h.before.judged.scopes[policy], true
}

// rules returns what was found of the rules of a policy.
func (h history) rules(policy *attached) (found, bool) {
	if !h.routing || h.before.judged.tokens == nil || h.fresh[policy] || policy.aboutTokens && !h.tokens {
		return found{}, false
	}
	return h.before.judged.rules[policy], true
}

// each runs a check of single policies where its findings are not known, and keeps those of all.
func (c policyChecks) each(of []*attached, keep map[*attached]found, known func(*attached) (found, bool), check func(*attached) diag.List) diag.List {
	var out diag.List
	for _, policy := range of {
		result, ok := known(policy)
		for s, names := range result.asked {
			c.count(s, names)
		}
		if !ok {
			result = c.judge(policy, check)
		}
		if len(result.diags)+len(result.asked) > 0 {
			keep[policy] = result
			out = append(out, result.diags...)
		}
	}
	return out
}

func (c policyChecks) judge(policy *attached, check func(*attached) diag.List) found {
	c.asked = nil
	out := found{diags: check(policy)}
	for _, s := range c.asked {
		if out.asked == nil {
			out.asked = map[slip]int{}
		}
		out.asked[s] = c.costs[s]
	}
	return out
}

// appliesToNone reports a policy that probably applies to no gateway.
func (m *Model) appliesToNone(policy *attached) bool { return len(m.judged.scopes[policy].diags) > 0 }

// alike reports whether the RequestAuthentications are those of a model.
func (c *checks) alike(authentications []*attached, m *Model) bool {
	return m.judged.tokens != nil && slices.Equal(authentications, m.judged.tokens.of)
}

// tokensAfter returns what policies say about tokens: what a model before knew where that is the same.
func (c *checks) tokensAfter(before *Model) *tokenSide {
	out := before.judged.tokens
	if !c.alike(c.authentications, before) || !slices.Equal(out.requiring, c.requiring.names) {
		out = c.newTokenSide()
		c.tokenSide = out
		out.found = policyChecks{c}.tokenFindings()
	}
	c.judged.tokens = out
	return out
}

// routesAfter returns what is found of routes and policies together: what was found before where that is the same.
func (c *checks) routesAfter(before *Model) diag.List {
	c.judged.preflight, c.judged.routes = c.preflight, before.judged.routes
	if c.routing != before.routing || c.judged.tokens != before.judged.tokens || !c.preflight.equal(before.judged.preflight) {
		c.judged.routes = routePolicyChecks{c}.all()
	}
	return c.judged.routes
}

// equal reports whether routes find the same policies in both.
func (s preflightSide) equal(o preflightSide) bool {
	return slices.Equal(s.denying.first, o.denying.first) && slices.Equal(s.denying.names, o.denying.names) &&
		slices.Equal(s.allowing.first, o.allowing.first) && slices.Equal(s.allowing.names, o.allowing.names) &&
		slices.Equal(s.others.names, o.others.names) && maps.EqualFunc(s.asking, o.asking, slices.Equal[[]*resource.Resource])
}
