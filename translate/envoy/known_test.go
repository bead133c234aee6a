package envoy

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	filterchainv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/filter_chain/v3"
	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	rbacnetworkv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/rbac/v3"

	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/policy"
)

// ruleOf is a rule that is told from others by a port.
func ruleOf(port int) *rbacv3.Policy {
	return &rbacv3.Policy{
		Permissions: []*rbacv3.Permission{{Rule: &rbacv3.Permission_DestinationPort{DestinationPort: uint32(port)}}}, //nolint:gosec // few
		Principals:  []*rbacv3.Principal{{Identifier: &rbacv3.Principal_Any{Any: true}}},
	}
}

// packedAsWritten is what all filters are packed to where nothing is remembered, by the one function that packs.
func packedAsWritten(filters []policy.Filter) []byte {
	chain := &filterchainv3.FilterChain{}
	for _, f := range filters {
		chain.Filters = append(chain.Filters, &corev3.TypedExtensionConfig{Name: f.Name, TypedConfig: match.Any(f.Config)})
	}
	return match.Any(&filterchainv3.FilterChainConfig{DefaultFilterChain: chain}).GetValue()
}

// filtersOf has rules in every place where they can stand.
func filtersOf(rules map[string]*rbacv3.Policy) []policy.Filter {
	deny := &rbacv3.RBAC{Action: rbacv3.RBAC_DENY, Policies: rules}
	audited := &rbacv3.RBAC{Action: rbacv3.RBAC_LOG, Policies: rules, AuditLoggingOptions: &rbacv3.RBAC_AuditLoggingOptions{AuditCondition: rbacv3.RBAC_AuditLoggingOptions_ON_DENY}}
	return []policy.Filter{
		{Name: "a", Config: &rbachttpv3.RBAC{Rules: deny, ShadowRules: &rbacv3.RBAC{Policies: rules}, ShadowRulesStatPrefix: "s"}},
		{Name: "b", Config: &rbachttpv3.RBAC{Rules: audited}},
		{Name: "c", Config: &rbacnetworkv3.RBAC{Rules: deny, StatPrefix: "tcp."}},
		{Name: "d", Config: &rbachttpv3.RBAC{}},
	}
}

// TestWhatIsKnownOfPackingChangesNoByte holds that filters are packed to the same bytes whatever was packed before.
func TestWhatIsKnownOfPackingChangesNoByte(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 15))
	rules := map[string]*rbacv3.Policy{"": ruleOf(0)}
	for i := range 2 * manyRules {
		rules[fmt.Sprint("rule-", i)] = ruleOf(i)
	}
	known := &Known{}
	for step := range 200 {
		rules = maps.Clone(rules)
		switch name := fmt.Sprint("rule-", rng.IntN(3*manyRules)); rng.IntN(3) {
		case 0:
			delete(rules, name)
		default:
			rules[name] = ruleOf(rng.IntN(1000))
		}
		filters := filtersOf(rules)
		got := known.policyChain(filters)
		if !bytes.Equal(got.GetTypedConfig().GetValue(), packedAsWritten(filters)) {
			t.Fatalf("step %d: other bytes", step)
		}
		if again := known.policyChain(filters); again != got {
			t.Fatalf("step %d: the same filters are packed twice", step)
		}
		if known.policyChain(filtersOf(maps.Clone(rules))) != got {
			t.Fatalf("step %d: equal filters are packed to another message", step)
		}
		if rng.IntN(3) > 0 {
			known = known.Next()
		}
	}
}

// TestAPackedRuleThatLiesIsFound holds that the test before can fail.
func TestAPackedRuleThatLiesIsFound(t *testing.T) {
	rules := map[string]*rbacv3.Policy{}
	for i := range 2 * manyRules {
		rules[fmt.Sprint("rule-", i)] = ruleOf(i)
	}
	known := &Known{}
	known.policyChain(filtersOf(rules))
	for _, list := range known.now.filters {
		for _, p := range list {
			for _, r := range p.rules {
				r.entries[7].encoded = slices.Clone(r.entries[8].encoded)
			}
		}
	}
	rules = maps.Clone(rules)
	rules["rule-0"] = ruleOf(1000)
	filters := filtersOf(rules)
	if bytes.Equal(known.Next().policyChain(filters).GetTypedConfig().GetValue(), packedAsWritten(filters)) {
		t.Error("a memory that lies is not found")
	}
}
