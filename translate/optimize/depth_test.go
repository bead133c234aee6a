package optimize_test

import (
	"fmt"
	"testing"

	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	"google.golang.org/protobuf/proto"

	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/optimize"
	"github.com/portreeve/portreeve/translate/policy"
)

// readable is what Envoy reads: 100 messages within the first one.
const readable = 101

// deepest has rules that every index finds, of more claims than are looked up, and beside each a rule whose conditions are nested
// as deep as they may be, or deeper.
func deepest(nested int) map[string]*rbacv3.Policy {
	rules := map[string]*rbacv3.Policy{}
	for claim := range 40 {
		for i, value := range []string{"text", "begin*", "*end"} {
			rule := claimRule(fmt.Sprint("claim-", claim), value, fmt.Sprintf("10.%d.%d.0/24", claim, i))
			for range nested {
				rule.Permissions = []*rbacv3.Permission{{Rule: &rbacv3.Permission_NotRule{NotRule: rule.GetPermissions()[0]}}}
			}
			rules[fmt.Sprintf("rule-%d-%d", claim, i)] = rule
		}
	}
	for i, path := range []string{"/exact", "/prefix/*", "*suffix", "/a/{*}/b", "/{**}/c", "/s;p", "/x%y"} {
		for j := range 3 {
			rules[fmt.Sprintf("path-%d-%d", i, j)] = pathRule(fmt.Sprint(j), path)
		}
	}
	return rules
}

// pathRule is a rule about a path, and addresses.
func pathRule(id, path string) *rbacv3.Policy {
	rule := claimRule("", "", "192.0.2.0/24")
	rule.Permissions = []*rbacv3.Permission{{Rule: &rbacv3.Permission_UrlPath{UrlPath: match.Path(path + id)}}}
	return rule
}

// TestNoTreeIsDeeperThanEnvoyReads holds that what Envoy would refuse for its depth, and with it every later edit, is never made:
// whatever the rules ask, and however many claims there are.
func TestNoTreeIsDeeperThanEnvoyReads(t *testing.T) {
	trees := 0
	for nested := range 60 {
		for _, filters := range []policy.Policy{denies(deepest(nested)), allows(deepest(nested))} {
			for _, f := range optimize.Policy(filters, always(), nil).HTTP {
				config, ok := f.Config.(*rbachttpv3.RBAC)
				if !ok {
					continue
				}
				if config.GetMatcher() != nil {
					trees++
				}
				text := match.Any(config).GetValue()
				err := (proto.UnmarshalOptions{RecursionLimit: readable}).Unmarshal(text, &rbachttpv3.RBAC{})
				if err != nil && config.GetMatcher() != nil {
					t.Errorf("conditions nested %d deep: %s: %v", nested, f.Name, err)
				}
			}
		}
	}
	if trees < 60 {
		t.Errorf("only %d trees", trees)
	}
}

// allows is the policy of a gateway that allows by some rules.
func allows(rules map[string]*rbacv3.Policy) policy.Policy {
	return policy.Policy{HTTP: []policy.Filter{{Name: policy.AllowFilter, Config: &rbachttpv3.RBAC{Rules: &rbacv3.RBAC{Action: rbacv3.RBAC_ALLOW, Policies: rules}}}}}
}
