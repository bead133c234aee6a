package rbac

import (
	"fmt"
	"maps"
	"slices"

	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// rules are the policies of an action, in the order of their names, which is that in which Envoy tries them.
type rules struct {
	filter string
	action rbacv3.RBAC_Action
	kind   traffic.Kind
	rules  []rule
}

// rule is a policy: some permission and some principal have to match.
type rule struct {
	name                    string
	permissions, principals *clause
}

func (r reader) rules(filter string, config *rbacv3.RBAC, told kinds) (engine, error) {
	out := &rules{filter: filter, action: config.GetAction(), kind: told.of(config.GetAction())}
	if _, known := rbacv3.RBAC_Action_name[int32(out.action)]; !known {
		return nil, fmt.Errorf("action %v: %w", out.action, errNotUnderstood)
	}
	for _, name := range slices.Sorted(maps.Keys(config.GetPolicies())) {
		one, err := r.rule(name, config.GetPolicies()[name])
		if err != nil {
			return nil, fmt.Errorf("rule %s: %w", name, err)
		}
		out.rules = append(out.rules, one)
	}
	return out.decide, nil
}

func (r reader) rule(name string, p *rbacv3.Policy) (rule, error) {
	if name == "" {
		return rule{}, fmt.Errorf("a rule without a name: %w", errNotUnderstood)
	}
	if p.GetCondition() != nil || p.GetCheckedCondition() != nil || p.GetCelConfig() != nil {
		return rule{}, fmt.Errorf("a condition in CEL: %w", errNotUnderstood)
	}
	permissions, err := r.permissions("Permissions", p.GetPermissions())
	if err != nil {
		return rule{}, err
	}
	principals, err := r.principals("Principals", p.GetPrincipals())
	return rule{name, permissions, principals}, err
}

// decide looks at every rule, also behind one that decides.
func (r *rules) decide(s *traffic.Stream) decision {
	s.Findings = slices.Grow(s.Findings, len(r.rules))
	d := decision{otherwise: r.action == rbacv3.RBAC_ALLOW}
	var matched []traffic.Condition
	for i := range r.rules {
		one := &r.rules[i]
		v := one.permissions.and(s, one.principals)
		s.Findings = append(s.Findings, r.finding(s, one, v))
		if v.matched.Fails() {
			continue
		}
		matched = append(matched, v.matched)
		if !d.last() {
			d.outcomes = append(d.outcomes, outcome{v.matched, one.name, r.action == rbacv3.RBAC_DENY})
		}
	}
	anyMatched := traffic.Any(matched)
	switch r.action {
	case rbacv3.RBAC_ALLOW:
		d.allowed = anyMatched
	case rbacv3.RBAC_DENY:
		d.allowed = anyMatched.Not()
	default:
		d.allowed, d.logs, d.logged = traffic.Known(true), true, anyMatched
	}
	return d
}

func (r *rules) finding(s *traffic.Stream, one *rule, v verdict) traffic.Finding {
	out := traffic.Finding{Filter: r.filter, Rule: one.name, Kind: r.kind, Matched: v.matched}
	if v.blame != nil {
		out.Clause, out.Wants, out.Saw = v.blame.path, v.blame.wants, v.blame.saw(s)
	}
	return out
}
