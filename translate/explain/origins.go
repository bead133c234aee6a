package explain

import (
	"strings"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// origins leads from findings to what people wrote.
type origins struct {
	trace envoy.Trace
	// rules are the rules of all filters by their name alone, for filters that Istio names alike.
	rules envoy.Trace
}

// anyFilter is the name under which origins holds the rules of all filters.
const anyFilter = "any filter"

func newOrigins(t envoy.Trace) origins {
	all := map[string]diag.Position{}
	for name, rules := range t {
		if !strings.HasPrefix(name, "envoy.filters.") {
			continue
		}
		for rule, pos := range rules {
			all[rule] = pos
		}
	}
	delete(all, "")
	return origins{trace: t, rules: envoy.Trace{anyFilter: all}}
}

// of returns where the rule of a finding is written, and where the condition that failed.
func (o origins) of(f traffic.Finding) (rule, clause *diag.Position) {
	if f.Rule == "" {
		return nil, nil
	}
	if f.Kind == traffic.Routes {
		return nil, nil
	}
	at, ok := o.rules.At(anyFilter, []string{f.Rule})
	if !ok {
		return nil, nil
	}
	if f.Clause == "" {
		return &at, nil
	}
	deepest, ok := o.rules.At(anyFilter, append([]string{f.Rule}, strings.Split(f.Clause, ".")...))
	if !ok || deepest == at {
		return &at, nil
	}
	return &at, &deepest
}
