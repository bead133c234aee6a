package explain

import (
	"fmt"
	"strings"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// origins leads from findings to what people wrote.
type origins struct {
	trace envoy.Trace
	// rules are those of all filters by their name alone, since Istio names filters alike. A rule
	// has one name wherever it stands, and one origin.
	rules map[string]origin
}

// origin is where a rule is written, and its conditions by their paths; see traffic.Finding.Clause.
type origin struct {
	at      *diag.Position
	clauses map[string]*diag.Position
}

func newOrigins(t envoy.Trace) origins {
	out := origins{trace: t, rules: map[string]origin{}}
	for filter, rules := range t {
		if !strings.HasPrefix(filter, "envoy.filters.") {
			continue
		}
		for name, pos := range rules.All() {
			rule, clause := cutClause(name)
			o := out.rules[rule]
			if clause == "" {
				o.at = &pos
			} else {
				if o.clauses == nil {
					o.clauses = map[string]*diag.Position{}
				}
				o.clauses[clause] = &pos
			}
			out.rules[rule] = o
		}
	}
	return out
}

// cutClause cuts the name of a rule from the path of a condition in it. No name has such a path in it:
// names of objects have no brackets.
func cutClause(name string) (rule, clause string) {
	for _, part := range []string{".Permissions[", ".Principals["} {
		if i := strings.Index(name, part); i >= 0 {
			return name[:i], name[i+1:]
		}
	}
	return name, ""
}

// of returns where the rule of a finding is written, and where the condition that failed is: the deepest
// part of it of which that is known.
func (o origins) of(f traffic.Finding) (rule, clause *diag.Position) {
	if f.Rule == "" || f.Kind == traffic.Routes {
		return nil, nil
	}
	found := o.rules[f.Rule]
	for path := f.Clause; path != "" && len(found.clauses) > 0; {
		if at, ok := found.clauses[path]; ok {
			return found.at, at
		}
		path = path[:max(strings.LastIndexByte(path, '.'), 0)]
	}
	return found.at, nil
}

// route returns where a route is written, or nil where nobody wrote it.
func (o origins) route(config string, host, route int) *diag.Position {
	if len(o.trace[config].All()) == 0 {
		return nil
	}
	return o.at(config, []string{fmt.Sprintf("VirtualHosts[%d]", host), fmt.Sprintf("Routes[%d]", route)})
}

// chain returns where the way of a connection is written.
func (o origins) chain(listener string, index int) *diag.Position {
	return o.at(listener, []string{fmt.Sprintf("FilterChains[%d]", index)})
}

func (o origins) at(name string, path []string) *diag.Position {
	if pos, ok := o.trace.At(name, path); ok {
		return &pos
	}
	return nil
}
