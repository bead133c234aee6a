package policy

import (
	"testing"

	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	gocmp "github.com/google/go-cmp/cmp"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
)

const (
	allow = securityv1beta1.AuthorizationPolicy_ALLOW
	deny  = securityv1beta1.AuthorizationPolicy_DENY
	audit = securityv1beta1.AuthorizationPolicy_AUDIT
)

// authz is a policy with one rule that matches everything.
func authz(action securityv1beta1.AuthorizationPolicy_Action, dryRun string) *resource.Resource {
	out := authorization(&securityv1beta1.AuthorizationPolicy{Action: action, Rules: []*securityv1beta1.Rule{{}}})
	if dryRun != "" {
		out.Annotations = map[string]string{resource.DryRunAnnotation: dryRun}
	}
	return out
}

// TestRuleSets pins which set a policy goes to. A set that is there and empty would deny
// everything, one that is not there nothing.
func TestRuleSets(t *testing.T) {
	type set struct {
		there  bool
		action rbacv3.RBAC_Action
	}
	enforced := func(a rbacv3.RBAC_Action) set { return set{true, a} }
	for name, c := range map[string]struct {
		policies      []*resource.Resource
		action        securityv1beta1.AuthorizationPolicy_Action
		rules, shadow set
		prefix        string
	}{
		"no policy":                  {nil, allow, set{}, set{}, ""},
		"none of this action":        {[]*resource.Resource{authz(allow, "")}, deny, set{}, set{}, ""},
		"allow":                      {[]*resource.Resource{authz(allow, "")}, allow, enforced(rbacv3.RBAC_ALLOW), set{}, "istio_dry_run_allow_"},
		"deny has allow's prefix":    {[]*resource.Resource{authz(deny, "")}, deny, enforced(rbacv3.RBAC_DENY), set{}, "istio_dry_run_allow_"},
		"audit has allow's prefix":   {[]*resource.Resource{authz(audit, "")}, audit, enforced(rbacv3.RBAC_LOG), set{}, "istio_dry_run_allow_"},
		"dry-run allow only":         {[]*resource.Resource{authz(allow, "true")}, allow, set{}, enforced(rbacv3.RBAC_ALLOW), "istio_dry_run_allow_"},
		"dry-run deny only":          {[]*resource.Resource{authz(deny, "T")}, deny, set{}, enforced(rbacv3.RBAC_DENY), "istio_dry_run_deny_"},
		"both":                       {[]*resource.Resource{authz(deny, "1"), authz(deny, "0")}, deny, enforced(rbacv3.RBAC_DENY), enforced(rbacv3.RBAC_DENY), "istio_dry_run_deny_"},
		"what is not true, enforces": {[]*resource.Resource{authz(deny, "yes")}, deny, enforced(rbacv3.RBAC_DENY), set{}, "istio_dry_run_allow_"},
	} {
		t.Run(name, func(t *testing.T) {
			filter, _ := rbacFilter(c.policies, c.action, strictly(model.View{}))
			if got := (set{filter.GetRules() != nil, filter.GetRules().GetAction()}); got != c.rules {
				t.Errorf("rules are %v, want %v", got, c.rules)
			}
			if got := (set{filter.GetShadowRules() != nil, filter.GetShadowRules().GetAction()}); got != c.shadow {
				t.Errorf("shadow rules are %v, want %v", got, c.shadow)
			}
			if got := filter.GetShadowRulesStatPrefix(); got != c.prefix {
				t.Errorf("the prefix is %q, want %q", got, c.prefix)
			}
		})
	}
}

func TestEmptyPolicies(t *testing.T) {
	nobody := &rbacv3.Policy{Permissions: []*rbacv3.Permission{notRule(anything())}, Principals: []*rbacv3.Principal{notID(everybody())}}
	all := &rbacv3.Policy{Permissions: []*rbacv3.Permission{allRules(anything())}, Principals: []*rbacv3.Principal{allIDs(everybody())}}
	for name, c := range map[string]struct {
		rules []*securityv1beta1.Rule
		want  *rbacv3.Policy
	}{
		"no rule matches nobody":          {nil, nobody},
		"an empty rule matches everybody": {[]*securityv1beta1.Rule{{}}, all},
	} {
		t.Run(name, func(t *testing.T) {
			filter, trace := rbacFilter([]*resource.Resource{authorization(&securityv1beta1.AuthorizationPolicy{Rules: c.rules})}, allow, strictly(model.View{}))
			const key = "ns[foo]-policy[p]-rule[0]"
			equal(t, &rbacv3.RBAC{Action: rbacv3.RBAC_ALLOW, Policies: map[string]*rbacv3.Policy{key: c.want}}, filter.GetRules())
			if _, ok := trace[key]; !ok || len(trace) != 1 {
				t.Errorf("the trace is %v", trace)
			}
		})
	}
}

// TestOrderInOneAnd pins the order in which Istio writes the parts, and each part's matcher.
func TestOrderInOneAnd(t *testing.T) {
	var clauses idClauses
	clauses.principal(&securityv1beta1.Source{
		Principals: []string{"p"}, RequestPrincipals: []string{"i/s"}, ServiceAccounts: []string{"a"}, TrustDomains: []string{"td"},
		Namespaces: []string{"n"}, RemoteIpBlocks: []string{"1.1.1.1"}, IpBlocks: []string{"2.2.2.2"}, NotIpBlocks: []string{"3.3.3.3"},
	}, 0, []*securityv1beta1.Condition{
		{Key: "destination.ip", Values: []string{"4.4.4.4"}}, {Key: "request.headers[h]", Values: []string{"v"}},
	}, "foo")
	ids := clauses.all().GetAndIds().GetIds()
	identity := func(id *rbacv3.Principal) *matcherv3.StringMatcher {
		return id.GetOrIds().GetIds()[0].GetAuthenticated().GetPrincipalName()
	}
	if len(ids) != 9 {
		t.Fatalf("%d parts, want 9: %v", len(ids), ids)
	}
	got := []string{
		identity(ids[0]).GetExact(),
		ids[1].GetAndIds().GetIds()[0].GetSourcedMetadata().GetMetadataMatcher().GetValue().GetStringMatch().GetExact(),
		identity(ids[2]).GetSafeRegex().GetRegex(),
		identity(ids[3]).GetPrefix(),
		identity(ids[4]).GetSafeRegex().GetRegex(),
		ids[5].GetOrIds().GetIds()[0].GetRemoteIp().GetAddressPrefix(),
		ids[6].GetOrIds().GetIds()[0].GetDirectRemoteIp().GetAddressPrefix(),
		ids[7].GetNotId().GetOrIds().GetIds()[0].GetDirectRemoteIp().GetAddressPrefix(),
		ids[8].GetOrIds().GetIds()[0].GetHeader().GetName(),
	}
	want := []string{"spiffe://p", "i", "spiffe://.+/ns/foo/(.+/|)sa/a(/.+)?", "spiffe://td/", ".*/ns/n/.*", "1.1.1.1", "2.2.2.2", "3.3.3.3", "h"}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestRequestPrincipals adds to Istio's suite the forms that only an issuer with a slash shows.
func TestRequestPrincipals(t *testing.T) {
	for value, want := range map[string][2]*matcherv3.StringMatcher{
		"https://i.example/s":  {match.Exact("https://i.example"), match.Exact("s")},
		"https://i.example/*":  {match.Exact("https://i.example"), match.Regex(".+")},
		"https://i.example//*": {match.Exact("https://i.example/"), match.Regex(".+")},
		"*i.example/s/t":       {match.String("*i.example/s"), match.Exact("t")},
		"*/s*":                 {match.Regex(".+"), match.Exact("s*")},
		"i":                    {match.Exact("i"), match.Exact("")},
	} {
		t.Run(value, func(t *testing.T) {
			issuer, subject := requestPrincipal(value)
			equal(t, want[0], issuer)
			equal(t, want[1], subject)
		})
	}
}
