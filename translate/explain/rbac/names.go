package rbac

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// names are what a text is looked up among as server names are: whole texts, and ends that begin with a dot.
type names struct {
	exact map[string]branch
	// ends are by what stands behind the dot.
	ends map[string]branch
	// any is nil where not every text is taken.
	any branch
	// all are the entries in the order in which Envoy tries them.
	all []entry
}

// names makes a matcher of server names ready, which any text may be looked up with. An empty one is in none.
func (r reader) names(in input, m *xdsmatcherv3.ServerNameMatcher) (branch, error) {
	out := names{exact: map[string]branch{}, ends: map[string]branch{}}
	for _, one := range m.GetDomainMatchers() {
		next, err := r.onMatch(one.GetOnMatch())
		if err != nil {
			return nil, err
		}
		for _, name := range one.GetDomains() {
			if err := out.add(name, next); err != nil {
				return nil, err
			}
		}
	}
	slices.SortStableFunc(out.all, func(a, b entry) int { return cmp.Compare(rank(a.key), rank(b.key)) })
	return out.lookup(in), nil
}

// add adds a name. Envoy refuses one that is there twice, or has an asterisk elsewhere than in `*` and `*.end`.
func (n *names) add(name string, next branch) error {
	n.all = append(n.all, entry{name, next})
	if name == "*" && n.any == nil {
		n.any = next
		return nil
	}
	into, key := n.exact, name
	if end, ok := strings.CutPrefix(name, "*."); ok {
		into, key = n.ends, end
	}
	if _, twice := into[key]; twice || key == "" || strings.Contains(key, "*") {
		return fmt.Errorf("the server name %q: %w", name, errNotUnderstood)
	}
	into[key] = next
	return nil
}

// rank orders names as Envoy tries them: whole ones, then long ends before short ones, then what takes all.
func rank(name string) int {
	const longest = 1 << 30
	switch {
	case name == "*":
		return longest
	case strings.HasPrefix(name, "*."):
		return longest - len(name)
	default:
		return 0
	}
}

func (n *names) lookup(in input) branch {
	return func(s *traffic.Stream, guard traffic.Condition, d *decision) {
		t := in.get(s)
		switch {
		case t.unknown:
			in.each(s, guard, d, n.all, "taken by ")
		case t.there && t.value != "":
			n.find(t.value, func(next branch) bool {
				next(s, guard, d)
				return !d.last()
			})
		}
	}
}

// find visits all that takes a text, until it is told to stop.
func (n *names) find(text string, visit func(branch) bool) {
	if next, ok := n.exact[text]; ok && !visit(next) {
		return
	}
	for rest := text; ; {
		_, end, dot := strings.Cut(rest, ".")
		if !dot {
			break
		}
		if next, ok := n.ends[end]; ok && !visit(next) {
			return
		}
		rest = end
	}
	if n.any != nil {
		visit(n.any)
	}
}
