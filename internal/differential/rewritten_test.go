package differential

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	xdscorev3 "github.com/cncf/xds/go/xds/core/v3"
	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	filterchainv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/filter_chain/v3"
	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	networkv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/matching/common_inputs/network/v3"

	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/explain"
)

// formsOf are the ways in which requests are looked up in what a gateway is served, each once.
func formsOf(r envoy.Resources) []string {
	seen := map[string]bool{}
	_, _ = rewritten(r, func(m *xdsmatcherv3.Matcher) bool {
		seen[formOf(m)] = true
		return false
	})
	return slices.Sorted(maps.Keys(seen))
}

func formOf(m *xdsmatcherv3.Matcher) string {
	tree := m.GetMatcherTree()
	if tree == nil {
		return "list"
	}
	kind := "exact map"
	switch {
	case tree.GetPrefixMatchMap() != nil:
		kind = "prefix map"
	case tree.GetCustomMatch() != nil:
		kind = typeOf(tree.GetCustomMatch())
	}
	var state networkv3.FilterStateInput
	if tree.GetInput().GetTypedConfig().UnmarshalTo(&state) == nil {
		return kind + " over " + state.GetKey()
	}
	return kind + " over " + typeOf(tree.GetInput())
}

func typeOf(c *xdscorev3.TypedExtensionConfig) string {
	url := c.GetTypedConfig().GetTypeUrl()
	return url[strings.LastIndexAny(url, "./")+1:]
}

// rewritten returns resources in which a change was made in a tree of the policy of requests, if there is one that can be
// changed so. Each is visited before those in it, up to the first that is changed.
func rewritten(r envoy.Resources, change func(*xdsmatcherv3.Matcher) bool) (envoy.Resources, bool) {
	for i, c := range r.ExtensionConfigs {
		var chain filterchainv3.FilterChainConfig
		if c.GetTypedConfig().UnmarshalTo(&chain) != nil {
			continue
		}
		for _, f := range chain.GetDefaultFilterChain().GetFilters() {
			var rules rbachttpv3.RBAC
			if f.GetTypedConfig().UnmarshalTo(&rules) != nil || rules.GetMatcher() == nil || !changed(rules.GetMatcher(), change) {
				continue
			}
			f.TypedConfig = match.Any(&rules)
			r.ExtensionConfigs = slices.Clone(r.ExtensionConfigs)
			r.ExtensionConfigs[i] = &corev3.TypedExtensionConfig{Name: c.GetName(), TypedConfig: match.Any(&chain)}
			return r, true
		}
	}
	return r, false
}

// changed visits a tree and those below it.
func changed(m *xdsmatcherv3.Matcher, change func(*xdsmatcherv3.Matcher) bool) bool {
	if m == nil {
		return false
	}
	if change(m) {
		return true
	}
	below := []*xdsmatcherv3.Matcher_OnMatch{m.GetOnNoMatch()}
	for _, entries := range []*xdsmatcherv3.Matcher_MatcherTree_MatchMap{m.GetMatcherTree().GetExactMatchMap(), m.GetMatcherTree().GetPrefixMatchMap()} {
		for _, key := range slices.Sorted(maps.Keys(entries.GetMap())) {
			below = append(below, entries.GetMap()[key])
		}
	}
	for _, f := range m.GetMatcherList().GetMatchers() {
		below = append(below, f.GetOnMatch())
	}
	return slices.ContainsFunc(below, func(next *xdsmatcherv3.Matcher_OnMatch) bool { return changed(next.GetMatcher(), change) })
}

// breaks are faults as an optimiser could have: each makes policy of what it was not.
func breaks() map[string]func(*xdsmatcherv3.Matcher) bool {
	return map[string]func(*xdsmatcherv3.Matcher) bool{
		"a map loses a key": func(m *xdsmatcherv3.Matcher) bool {
			entries := m.GetMatcherTree().GetExactMatchMap().GetMap()
			for _, key := range slices.Sorted(maps.Keys(entries)) {
				delete(entries, key)
				return len(entries) > 0
			}
			return false
		},
		"whole texts in place of beginnings": func(m *xdsmatcherv3.Matcher) bool {
			entries := m.GetMatcherTree().GetPrefixMatchMap()
			if entries != nil {
				m.GetMatcherTree().TreeType = &xdsmatcherv3.Matcher_MatcherTree_ExactMatchMap{ExactMatchMap: entries}
			}
			return entries != nil
		},
		"beginnings in place of whole texts": func(m *xdsmatcherv3.Matcher) bool {
			entries := m.GetMatcherTree().GetExactMatchMap()
			if entries != nil {
				m.GetMatcherTree().TreeType = &xdsmatcherv3.Matcher_MatcherTree_PrefixMatchMap{PrefixMatchMap: entries}
			}
			return entries != nil
		},
		"nothing follows where nothing matches": func(m *xdsmatcherv3.Matcher) bool {
			next := m.GetOnNoMatch().GetMatcher()
			if next != nil {
				for next.GetOnNoMatch().GetMatcher() != nil {
					next = next.GetOnNoMatch().GetMatcher()
				}
				m.OnNoMatch = next.GetOnNoMatch()
			}
			return next != nil
		},
		"the last of a list is lost": func(m *xdsmatcherv3.Matcher) bool {
			list := m.GetMatcherList()
			if len(list.GetMatchers()) < 2 {
				return false
			}
			list.Matchers = list.GetMatchers()[:len(list.GetMatchers())-1]
			return true
		},
		"a leaf asks no more": func(m *xdsmatcherv3.Matcher) bool {
			for _, f := range m.GetMatcherList().GetMatchers() {
				if f.GetOnMatch().GetAction() != nil {
					m.MatcherType, m.OnNoMatch = nil, f.GetOnMatch()
					return true
				}
			}
			return false
		},
	}
}

// TestAFaultOfTheOptimiserIsFound breaks what the optimiser makes, and asks as the trials are asked: each kind of fault
// must be seen by what both forms answer.
func TestAFaultOfTheOptimiserIsFound(t *testing.T) {
	if underRace {
		t.Skip("make agreement runs it, without the race detector")
	}
	l := &laboratory{TB: t, keys: newKeys(t), certificates: newCertificates(t), network: 80, backend: 9, authorizer: 10}
	trials := (&run{laboratory: l, seed: 1}).trials(150)
	for name, fault := range breaks() {
		tried, found := 0, ""
		for _, tr := range trials {
			served, done := rewritten(tr.explained, fault)
			if !done {
				continue
			}
			tried++
			g, err := explain.NewTold(served, tr.plain)
			must(t, err)
			for i := range tr.requests {
				if d := g.Ask(tr.requests[i].asked(tr.place, "1", netip.MustParseAddrPort(tr.requests[i].client+":4711"), l.keys.now)).Disagreement; d != "" {
					found = d
					break
				}
			}
			if found != "" {
				break
			}
		}
		if found == "" {
			t.Errorf("%s: not found in %d sets", name, tried)
			continue
		}
		t.Logf("%s: found in set %d: %s", name, tried, found)
	}
}
