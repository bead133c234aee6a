package policy

import (
	"strings"
	"testing"

	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	"google.golang.org/protobuf/proto"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
)

// compiledRule is what becomes of one rule of a policy.
func compiledRule(action securityv1beta1.AuthorizationPolicy_Action, rule *securityv1beta1.Rule) *rbacv3.Policy {
	spec := &securityv1beta1.AuthorizationPolicy{Action: action, Rules: []*securityv1beta1.Rule{rule}}
	if action == custom {
		spec.ActionDetail = &securityv1beta1.AuthorizationPolicy_Provider{Provider: &securityv1beta1.AuthorizationPolicy_ExtensionProvider{Name: "a"}}
		rules := makingOf(model.View{AuthorizationPolicies: []*resource.Resource{authorization(spec)}}).customRules("a", strict).config.(*rbachttpv3.RBAC).GetShadowRules()
		return rules.GetPolicies()["istio-ext-authz-a-ns[foo]-policy[p]-rule[0]"]
	}
	filter, _ := rbacFilter([]*resource.Resource{authorization(spec)}, action, strictly(model.View{}))
	return filter.GetRules().GetPolicies()["ns[foo]-policy[p]-rule[0]"]
}

// TestEveryConditionCounts holds that each key which validation lets through renders as
// something that tells requests apart.
func TestEveryConditionCounts(t *testing.T) {
	values := map[string]string{"source.ip": "1.2.3.4", "remote.ip": "1.2.3.4", "destination.ip": "1.2.3.4", "destination.port": "80"}
	for _, key := range resource.WhenKeys() {
		key = strings.NewReplacer("[]", "[a]", "*", "b").Replace(key)
		t.Run(key, func(t *testing.T) {
			value := values[key]
			if value == "" {
				value = "v"
			}
			for name, when := range map[string]*securityv1beta1.Condition{
				"values": {Key: key, Values: []string{value}}, "notValues": {Key: key, NotValues: []string{value}},
			} {
				got := compiledRule(allow, &securityv1beta1.Rule{When: []*securityv1beta1.Condition{when}})
				if err := got.ValidateAll(); err != nil {
					t.Errorf("%s: Envoy refuses it: %v", name, err)
				}
				if proto.Equal(got, matchNobody()) || proto.Equal(got, compiledRule(allow, &securityv1beta1.Rule{})) {
					t.Errorf("%s: does not tell requests apart: %v", name, got)
				}
			}
		})
	}
}

// TestTheImpossibleFailsClosed holds, for each way in which a rule can be beyond compiling,
// that it allows nobody and denies, reports and asks about everybody.
func TestTheImpossibleFailsClosed(t *testing.T) {
	from := func(s *securityv1beta1.Source) *securityv1beta1.Rule {
		return &securityv1beta1.Rule{From: []*securityv1beta1.Rule_From{{Source: &securityv1beta1.Source{IpBlocks: []string{"1.2.3.4"}}}, {Source: s}}}
	}
	to := func(o *securityv1beta1.Operation) *securityv1beta1.Rule {
		return &securityv1beta1.Rule{To: []*securityv1beta1.Rule_To{{Operation: &securityv1beta1.Operation{Paths: []string{"/"}}}, {Operation: o}}}
	}
	when := func(key string, values ...string) *securityv1beta1.Rule {
		return &securityv1beta1.Rule{When: []*securityv1beta1.Condition{{Key: "source.ip", Values: []string{"1.2.3.4"}}, {Key: key, Values: values}}}
	}
	list := func(v ...string) []string { return v }
	for name, rule := range map[string]*securityv1beta1.Rule{
		"no rule":                     nil,
		"no source":                   from(nil),
		"a source without fields":     from(&securityv1beta1.Source{}),
		"no operation":                to(nil),
		"an operation without fields": to(&securityv1beta1.Operation{}),
		"an address":                  from(&securityv1beta1.Source{IpBlocks: list("10.0.0.0/8", "10.0.0")}),
		"an address that is not":      from(&securityv1beta1.Source{NotIpBlocks: list("10.0.0.0/33")}),
		"a remote address":            from(&securityv1beta1.Source{RemoteIpBlocks: list("example.com")}),
		"a remote address that isn't": from(&securityv1beta1.Source{NotRemoteIpBlocks: list("fe80::1%eth0")}),
		"an empty principal":          from(&securityv1beta1.Source{Principals: list("a", "")}),
		"an empty request principal":  from(&securityv1beta1.Source{NotRequestPrincipals: list("")}),
		"an account's wildcard":       from(&securityv1beta1.Source{ServiceAccounts: list("*")}),
		"an account of three parts":   from(&securityv1beta1.Source{NotServiceAccounts: list("a/b/c")}),
		"an account without name":     from(&securityv1beta1.Source{ServiceAccounts: list("a/")}),
		"a trust domain with a path":  from(&securityv1beta1.Source{TrustDomains: list("a/b")}),
		"a trust domain's inner *":    from(&securityv1beta1.Source{TrustDomains: list("a*b")}),
		"a trust domain's two *":      from(&securityv1beta1.Source{NotTrustDomains: list("*a*")}),
		"an empty host":               to(&securityv1beta1.Operation{Hosts: list("")}),
		"an empty path":               to(&securityv1beta1.Operation{NotPaths: list("/a", "")}),
		"a port":                      to(&securityv1beta1.Operation{Ports: list("80", "8o80")}),
		"a port that is not":          to(&securityv1beta1.Operation{NotPorts: list("65536")}),
		"an unknown key":              when("request.header[a]", "v"),
		"an empty key":                when("", "v"),
		"a key without brackets":      when("request.headers", "v"),
		"a key with empty brackets":   when("request.headers[]", "v"),
		"an open bracket":             when("request.headers[a", "v"),
		"two names of a header":       when("request.headers[a][b]", "v"),
		"no name of a header":         when("request.headers[a b]", "v"),
		"an empty claim":              when("request.auth.claims[a][]", "v"),
		"no claim":                    when("request.auth.claims", "v"),
		"no key of a filter":          when("experimental.envoy.filters.a", "v"),
		"another's metadata":          when("experimental.other[a]", "v"),
		"a condition's address":       when("source.ip", "x"),
		"a condition's destination":   when("destination.ip", "x"),
		"a condition's port":          when("destination.port", "x"),
		"a condition without values":  when("request.headers[a]"),
		"a condition's empty value":   when("request.headers[a]", ""),
	} {
		t.Run(name, func(t *testing.T) {
			equal(t, matchNobody(), compiledRule(allow, rule))
			all := &rbacv3.Policy{Permissions: []*rbacv3.Permission{anything()}, Principals: []*rbacv3.Principal{everybody()}}
			for _, action := range []securityv1beta1.AuthorizationPolicy_Action{deny, audit, custom} {
				equal(t, all, compiledRule(action, rule))
			}
		})
	}
}
