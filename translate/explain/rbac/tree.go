package rbac

import (
	"fmt"
	"slices"

	xdscorev3 "github.com/cncf/xds/go/xds/core/v3"
	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// branch is a part of a match tree. It appends what may decide where a guard holds, in order, and nothing
// behind what is known to.
type branch func(s *traffic.Stream, guard traffic.Condition, d *decision)

// tree makes a match tree ready. Where nothing in it decides it refuses, unlike rules.
func (r reader) tree(filter string, m *xdsmatcherv3.Matcher, told kinds) (engine, error) {
	root, err := r.matcher(m)
	if err != nil {
		return nil, err
	}
	return func(s *traffic.Stream) decision {
		d := decision{otherwise: true}
		root(s, traffic.Known(true), &d)
		d.allowed = allowed(d.outcomes)
		for _, o := range d.outcomes {
			action := rbacv3.RBAC_ALLOW
			if o.refuses {
				action = rbacv3.RBAC_DENY
			}
			s.Findings = append(s.Findings, traffic.Finding{Filter: filter, Rule: o.name, Kind: told.of(action), Matched: o.matched})
		}
		return d
	}, nil
}

// allowed says whether a tree lets pass: the first outcome that holds decides. Those that follow each other and do the
// same count as one, since thousands may be open.
func allowed(outcomes []outcome) traffic.Condition {
	out := traffic.Known(false)
	for last := len(outcomes); last > 0; {
		refuses, first := outcomes[last-1].refuses, last
		var matched []traffic.Condition
		for first > 0 && outcomes[first-1].refuses == refuses {
			first--
			matched = append(matched, outcomes[first].matched)
		}
		slices.Reverse(matched)
		out = traffic.Any(matched).Then(traffic.Known(!refuses), out)
		last = first
	}
	return out
}

func (r reader) matcher(m *xdsmatcherv3.Matcher) (branch, error) {
	otherwise, err := r.onMatch(m.GetOnNoMatch())
	if err != nil {
		return nil, err
	}
	var first branch
	switch kind := m.GetMatcherType().(type) {
	case *xdsmatcherv3.Matcher_MatcherList_:
		first, err = r.list(kind.MatcherList)
	case *xdsmatcherv3.Matcher_MatcherTree_:
		first, err = r.lookup(kind.MatcherTree)
	case nil:
		return otherwise, nil
	default:
		err = notUnderstood(m)
	}
	return func(s *traffic.Stream, guard traffic.Condition, d *decision) {
		if first(s, guard, d); !d.last() {
			otherwise(s, guard, d)
		}
	}, err
}

// onMatch is what follows a match: an action, a tree, or nothing.
func (r reader) onMatch(m *xdsmatcherv3.Matcher_OnMatch) (branch, error) {
	if m.GetKeepMatching() {
		return nil, notUnderstood(m)
	}
	switch next := m.GetOnMatch().(type) {
	case *xdsmatcherv3.Matcher_OnMatch_Matcher:
		return r.matcher(next.Matcher)
	case *xdsmatcherv3.Matcher_OnMatch_Action:
		return action(next.Action)
	case nil:
		return func(*traffic.Stream, traffic.Condition, *decision) {}, nil
	default:
		return nil, notUnderstood(m)
	}
}

// action decides. One that logs is never rendered.
func action(config *xdscorev3.TypedExtensionConfig) (branch, error) {
	a := &rbacv3.Action{}
	if err := config.GetTypedConfig().UnmarshalTo(a); err != nil {
		return nil, fmt.Errorf("read an action: %w", err)
	}
	if a.GetName() == "" || a.GetAction() != rbacv3.RBAC_ALLOW && a.GetAction() != rbacv3.RBAC_DENY {
		return nil, notUnderstood(a)
	}
	return func(_ *traffic.Stream, guard traffic.Condition, d *decision) {
		if !guard.Fails() && !d.last() {
			d.outcomes = append(d.outcomes, outcome{guard, a.GetName(), a.GetAction() == rbacv3.RBAC_DENY})
		}
	}, nil
}

// list tries its matchers in order. Where what follows one decides nothing, the next is tried.
func (r reader) list(m *xdsmatcherv3.Matcher_MatcherList) (branch, error) {
	type entry struct {
		matches predicate
		next    branch
	}
	var entries []entry
	for _, f := range m.GetMatchers() {
		matches, err := r.predicate(f.GetPredicate())
		if err != nil {
			return nil, err
		}
		next, err := r.onMatch(f.GetOnMatch())
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry{matches, next})
	}
	return func(s *traffic.Stream, guard traffic.Condition, d *decision) {
		for _, e := range entries {
			if d.last() {
				return
			}
			if c := guard.And(e.matches(s)); !c.Fails() {
				e.next(s, c, d)
			}
		}
	}, nil
}
