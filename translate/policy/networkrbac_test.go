package policy

import (
	"maps"
	"slices"
	"testing"

	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	gocmp "github.com/google/go-cmp/cmp"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/resource"
)

const custom = securityv1beta1.AuthorizationPolicy_CUSTOM

// rule reads a rule as users write it.
func rule(t *testing.T, text string) *securityv1beta1.Rule {
	t.Helper()
	out := &securityv1beta1.Rule{}
	fromYAML(t, text, out)
	return out
}

// TestHTTPFieldsOfConnections pins what becomes of each HTTP field: the whole rule is left
// out of ALLOW, and only the field of everything else.
func TestHTTPFieldsOfConnections(t *testing.T) {
	const without = `{from: [{source: {ipBlocks: [1.1.1.1]}}], to: [{operation: {ports: ["80"]}}], when: [{key: connection.sni, values: [a]}]}`
	for field, text := range map[string]string{
		"hosts":                `{from: [{source: {ipBlocks: [1.1.1.1]}}], to: [{operation: {ports: ["80"], hosts: [a]}}], when: [{key: connection.sni, values: [a]}]}`,
		"notHosts":             `{from: [{source: {ipBlocks: [1.1.1.1]}}], to: [{operation: {ports: ["80"], notHosts: [a]}}], when: [{key: connection.sni, values: [a]}]}`,
		"methods":              `{from: [{source: {ipBlocks: [1.1.1.1]}}], to: [{operation: {ports: ["80"], methods: [a]}}], when: [{key: connection.sni, values: [a]}]}`,
		"notMethods":           `{from: [{source: {ipBlocks: [1.1.1.1]}}], to: [{operation: {ports: ["80"], notMethods: [a]}}], when: [{key: connection.sni, values: [a]}]}`,
		"paths":                `{from: [{source: {ipBlocks: [1.1.1.1]}}], to: [{operation: {ports: ["80"], paths: [a]}}], when: [{key: connection.sni, values: [a]}]}`,
		"notPaths":             `{from: [{source: {ipBlocks: [1.1.1.1]}}], to: [{operation: {ports: ["80"], notPaths: [a]}}], when: [{key: connection.sni, values: [a]}]}`,
		"requestPrincipals":    `{from: [{source: {ipBlocks: [1.1.1.1], requestPrincipals: [a]}}], to: [{operation: {ports: ["80"]}}], when: [{key: connection.sni, values: [a]}]}`,
		"notRequestPrincipals": `{from: [{source: {ipBlocks: [1.1.1.1], notRequestPrincipals: [a]}}], to: [{operation: {ports: ["80"]}}], when: [{key: connection.sni, values: [a]}]}`,
		"a header":             `{from: [{source: {ipBlocks: [1.1.1.1]}}], to: [{operation: {ports: ["80"]}}], when: [{key: "request.headers[a]", values: [a]}, {key: connection.sni, values: [a]}]}`,
		"a principal":          `{from: [{source: {ipBlocks: [1.1.1.1]}}], to: [{operation: {ports: ["80"]}}], when: [{key: request.auth.principal, values: [a]}, {key: connection.sni, values: [a]}]}`,
		"an audience":          `{from: [{source: {ipBlocks: [1.1.1.1]}}], to: [{operation: {ports: ["80"]}}], when: [{key: request.auth.audiences, values: [a]}, {key: connection.sni, values: [a]}]}`,
		"a presenter":          `{from: [{source: {ipBlocks: [1.1.1.1]}}], to: [{operation: {ports: ["80"]}}], when: [{key: request.auth.presenter, values: [a]}, {key: connection.sni, values: [a]}]}`,
		"a claim":              `{from: [{source: {ipBlocks: [1.1.1.1]}}], to: [{operation: {ports: ["80"]}}], when: [{key: connection.sni, values: [a]}, {key: "request.auth.claims[a]", notValues: [a]}]}`,
	} {
		t.Run(field, func(t *testing.T) {
			written := rule(t, text)
			if got, ok := networkRule(written, allow); ok {
				t.Errorf("an ALLOW rule is kept: %v", got)
			}
			for _, action := range []securityv1beta1.AuthorizationPolicy_Action{deny, audit, custom} {
				got, ok := networkRule(written, action)
				if !ok {
					t.Fatalf("a rule of %s is left out", action)
				}
				equal(t, rule(t, without), got)
			}
			equal(t, rule(t, text), written)
		})
	}
}

// TestConnectionFieldsStay holds that a rule without HTTP fields is the same for connections.
func TestConnectionFieldsStay(t *testing.T) {
	source := `principals: [a], notPrincipals: [a], namespaces: [a], notNamespaces: [a], serviceAccounts: [a], notServiceAccounts: [a], trustDomains: [a], notTrustDomains: [a], ` +
		`ipBlocks: [1.1.1.1], notIpBlocks: [1.1.1.1], remoteIpBlocks: [1.1.1.1], notRemoteIpBlocks: [1.1.1.1]`
	for _, text := range []string{
		`{}`,
		`{from: [{source: {` + source + `}}]}`,
		`{to: [{operation: {ports: ["1"], notPorts: ["2"]}}]}`,
		`{when: [{key: source.ip, values: [a]}, {key: remote.ip, values: [a]}, {key: source.namespace, values: [a]}, {key: source.serviceAccount, values: [a]},
		  {key: source.trustDomain, values: [a]}, {key: source.principal, values: [a]}, {key: destination.ip, values: [a]}, {key: destination.port, values: ["1"]},
		  {key: connection.sni, values: [a]}, {key: "experimental.envoy.filters.a[b]", values: [a]}]}`,
	} {
		for _, action := range []securityv1beta1.AuthorizationPolicy_Action{allow, deny, audit, custom} {
			got, ok := networkRule(rule(t, text), action)
			if !ok {
				t.Fatalf("a rule of %s is left out: %s", action, text)
			}
			equal(t, rule(t, text), got)
		}
	}
}

// TestWhatIsLeftOfPolicies pins the sets of rules. One that is there and empty denies everything.
func TestWhatIsLeftOfPolicies(t *testing.T) {
	path := rule(t, `{to: [{operation: {paths: [/a]}}]}`)
	port := rule(t, `{to: [{operation: {ports: ["1"]}}]}`)
	for name, c := range map[string]struct {
		action        securityv1beta1.AuthorizationPolicy_Action
		rules         []*securityv1beta1.Rule
		enforced      bool
		want          []string
		wantInRBAC    rbacv3.RBAC_Action
		wantStatistic string
	}{
		"allow, and nothing is left": {allow, []*securityv1beta1.Rule{path}, true, nil, rbacv3.RBAC_ALLOW, "istio_dry_run_allow_"},
		"allow, and one is left":     {allow, []*securityv1beta1.Rule{path, port}, true, []string{"ns[foo]-policy[p]-rule[1]"}, rbacv3.RBAC_ALLOW, "istio_dry_run_allow_"},
		"allow nothing":              {allow, nil, true, []string{"ns[foo]-policy[p]-rule[0]"}, rbacv3.RBAC_ALLOW, "istio_dry_run_allow_"},
		"deny keeps all":             {deny, []*securityv1beta1.Rule{path, port}, true, []string{"ns[foo]-policy[p]-rule[0]", "ns[foo]-policy[p]-rule[1]"}, rbacv3.RBAC_DENY, "istio_dry_run_allow_"},
		"audit keeps all":            {audit, []*securityv1beta1.Rule{path}, true, []string{"ns[foo]-policy[p]-rule[0]"}, rbacv3.RBAC_LOG, "istio_dry_run_allow_"},
	} {
		t.Run(name, func(t *testing.T) {
			got, trace := networkRBAC([]*resource.Resource{authorization(&securityv1beta1.AuthorizationPolicy{Action: c.action, Rules: c.rules})}, c.action)
			if (got.GetRules() != nil) != c.enforced || got.GetShadowRules() != nil {
				t.Errorf("enforced %v, shadow %v", got.GetRules(), got.GetShadowRules())
			}
			if diff := gocmp.Diff(c.want, slices.Sorted(maps.Keys(got.GetRules().GetPolicies()))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got.GetRules().GetAction() != c.wantInRBAC || got.GetShadowRulesStatPrefix() != c.wantStatistic || got.GetStatPrefix() != "tcp." {
				t.Errorf("action %v, prefixes %q and %q", got.GetRules().GetAction(), got.GetShadowRulesStatPrefix(), got.GetStatPrefix())
			}
			for _, key := range c.want {
				if _, ok := trace[key]; !ok {
					t.Errorf("nothing says where %s comes from", key)
				}
			}
		})
	}
}
