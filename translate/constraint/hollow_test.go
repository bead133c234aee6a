package constraint_test

import (
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	filterchainv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/filter_chain/v3"
	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"

	"github.com/portreeve/portreeve/translate/constraint"
	"github.com/portreeve/portreeve/translate/envoy/match"
)

// TestWhatStandsBesideALargeFilterIsJudged holds that a large filter hides nothing: what it holds is judged by itself, and
// what stands before and behind it with the chain.
func TestWhatStandsBesideALargeFilterIsJudged(t *testing.T) {
	large := func(p *rbacv3.Policy) *rbachttpv3.RBAC {
		return &rbachttpv3.RBAC{Rules: &rbacv3.RBAC{Policies: map[string]*rbacv3.Policy{strings.Repeat("x", 1<<15): p}}}
	}
	for name, c := range map[string]struct {
		first, second string
		in            *rbacv3.Policy
		want          int
	}{
		"all is right":       {"a", "b", policy(anything()), 0},
		"one before it":      {"", "b", policy(anything()), 1},
		"one behind it":      {"a", "", policy(anything()), 1},
		"one in it":          {"a", "b", policy(never()), 1},
		"before, and in one": {"", "b", policy(never()), 2},
	} {
		t.Run(name, func(t *testing.T) {
			chain := &filterchainv3.FilterChainConfig{DefaultFilterChain: &filterchainv3.FilterChain{Filters: []*corev3.TypedExtensionConfig{
				{Name: c.first, TypedConfig: match.Any(large(c.in))}, {Name: c.second, TypedConfig: match.Any(&rbachttpv3.RBAC{})},
			}}}
			found := (&constraint.Known{}).Judge(&corev3.TypedExtensionConfig{Name: "chain", TypedConfig: match.Any(chain)})
			if len(found) != c.want {
				t.Errorf("found %v, want %d", found, c.want)
			}
		})
	}
}
