package explain

import (
	"fmt"
	"strings"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/explain/route"
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
	if f.Rule == "" || f.Kind == traffic.Routes {
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

// route returns where a route is written, or nil where nobody wrote it.
func (o origins) route(config string, c route.Candidate) *diag.Position {
	path := []string{fmt.Sprintf("VirtualHosts[%d]", c.HostIndex), fmt.Sprintf("Routes[%d]", c.RouteIndex)}
	return o.at(config, path)
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
