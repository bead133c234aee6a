package optimize_test

import (
	"fmt"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	uritemplatev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/path/match/uri_template/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"

	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/optimize"
	"github.com/portreeve/portreeve/translate/policy"
)

func byPath(m *matcherv3.StringMatcher) *rbacv3.Permission {
	return &rbacv3.Permission{Rule: &rbacv3.Permission_UrlPath{UrlPath: &matcherv3.PathMatcher{Rule: &matcherv3.PathMatcher_Path{Path: m}}}}
}

func andRules(rules ...*rbacv3.Permission) *rbacv3.Permission {
	return &rbacv3.Permission{Rule: &rbacv3.Permission_AndRules{AndRules: &rbacv3.Permission_Set{Rules: rules}}}
}

func orRules(rules ...*rbacv3.Permission) *rbacv3.Permission {
	return &rbacv3.Permission{Rule: &rbacv3.Permission_OrRules{OrRules: &rbacv3.Permission_Set{Rules: rules}}}
}

func everybody() *rbacv3.Principal {
	return &rbacv3.Principal{Identifier: &rbacv3.Principal_AndIds{AndIds: &rbacv3.Principal_Set{
		Ids: []*rbacv3.Principal{{Identifier: &rbacv3.Principal_Any{Any: true}}},
	}}}
}

func denying(n int, path func(int) string) map[string]*rbacv3.Policy {
	out := make(map[string]*rbacv3.Policy, n)
	for i := range n {
		out[fmt.Sprintf("ns[default]-policy[deny-%d]-rule[0]", i)] = &rbacv3.Policy{
			Permissions: []*rbacv3.Permission{andRules(pathsOf(true, path(i)))}, Principals: []*rbacv3.Principal{everybody()},
		}
	}
	return out
}

func denies(policies map[string]*rbacv3.Policy) policy.Policy {
	config := &rbachttpv3.RBAC{Rules: &rbacv3.RBAC{Action: rbacv3.RBAC_DENY, Policies: policies}}
	return policy.Policy{HTTP: []policy.Filter{{Name: policy.DenyFilter, Config: config}}}
}

// BenchmarkEdit is one rule of 10,000 edited, up to the encoded filter.
func BenchmarkEdit(b *testing.B) {
	rules := denying(10_000, func(i int) string { return fmt.Sprintf("/tenants/%d/admin", i) })
	known := (*optimize.Known)(nil).Next()
	o := optimize.Standard()
	encode(optimize.Policy(denies(rules), o, known))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		known = known.Next()
		next := make(map[string]*rbacv3.Policy, len(rules))
		for k, v := range rules {
			next[k] = v
		}
		next["ns[default]-policy[deny-77]-rule[0]"] = denying(1, func(int) string { return fmt.Sprintf("/edited/%d", i) })["ns[default]-policy[deny-0]-rule[0]"]
		b.StartTimer()
		encode(optimize.Policy(denies(next), o, known))
	}
}

// BenchmarkStart is 10,000 rules of which nothing is known.
func BenchmarkStart(b *testing.B) {
	rules := denying(10_000, func(i int) string { return fmt.Sprintf("/tenants/%d/admin", i) })
	b.ReportAllocs()
	for b.Loop() {
		encode(optimize.Policy(denies(rules), optimize.Standard(), nil))
	}
}

func encode(p policy.Policy) int {
	n := 0
	for _, f := range p.HTTP {
		n += len(match.Any(f.Config).GetValue())
	}
	return n
}

// pathsOf matches any of the paths, as package policy does it: in a rule that keeps shut in other spellings too.
func pathsOf(aliases bool, values ...string) *rbacv3.Permission {
	var written, others []*rbacv3.Permission
	for _, v := range values {
		if template, ok := match.Template(v); ok {
			written = append(written, &rbacv3.Permission{Rule: &rbacv3.Permission_UriTemplate{UriTemplate: &corev3.TypedExtensionConfig{
				Name: "uri-template", TypedConfig: match.Any(&uritemplatev3.UriTemplateMatchConfig{PathTemplate: template}),
			}}})
		} else {
			written = append(written, byPath(match.String(v)))
		}
		if expression, ok := match.PathAliases(v); ok {
			others = append(others, byPath(match.Regex(expression)))
		}
	}
	if aliases && len(others) > 0 {
		written = append(written, andRules(byPath(match.Regex(".*[;%].*")), orRules(others...)))
	}
	return orRules(written...)
}
