package policy

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	jwtauthnv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	gocmp "github.com/google/go-cmp/cmp"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
)

// conformance is where Istio's own test data may lie; it is no part of the repository.
const conformance = "../../../shared/conformance"

// suite reads the cases of one of Istio's suites and skips when it is not there.
func suite[T any](t *testing.T, name string) map[string]T {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(conformance, name+".json"))
	if err != nil {
		t.Skipf("NOT RUN: Istio's suite %s is not there: %v", name, err)
	}
	var cases []struct {
		ID   string `json:"case"`
		Case T      `json:"case.json"`
	}
	if err := json.Unmarshal(content, &cases); err != nil {
		t.Fatal(err)
	}
	out := map[string]T{}
	for _, c := range cases {
		out[c.ID] = c.Case
	}
	if len(out) == 0 {
		t.Fatalf("the suite %s has no cases", name)
	}
	return out
}

type generatorCase struct {
	Generator string `json:"g"`
	Key       string `json:"key"`
	Value     string `json:"value"`
	Want      *struct {
		Kind string
		YAML string `json:"Yaml"`
	} `json:"want"`
}

// rule writes the value where Istio's generator of that name reads it.
func (c generatorCase) rule() *securityv1beta1.Rule {
	v := []string{c.Value}
	when := map[string]string{
		"destIPGenerator": "destination.ip", "destPortGenerator": "destination.port", "connSNIGenerator": "connection.sni",
		"envoyFilterGenerator": strings.Replace(c.Key, "experimental.", "experimental.envoy.filters.", 1), "srcIPGenerator": "source.ip", "remoteIPGenerator": "remote.ip",
		"srcNamespaceGenerator": "source.namespace", "srcTrustDomainGenerator": "source.trustDomain",
		"srcPrincipalGenerator": "source.principal", "requestHeaderGenerator": c.Key,
	}
	to := map[string]*securityv1beta1.Operation{"hostGenerator": {Hosts: v}, "pathGenerator": {Paths: v}, "methodGenerator": {Methods: v}}
	if operation, ok := to[c.Generator]; ok {
		return &securityv1beta1.Rule{To: []*securityv1beta1.Rule_To{{Operation: operation}}}
	}
	return &securityv1beta1.Rule{When: []*securityv1beta1.Condition{{Key: when[c.Generator], Values: v}}}
}

func TestIstioGenerators(t *testing.T) {
	for id, c := range suite[generatorCase](t, "go-authz-generator") {
		t.Run(id, func(t *testing.T) {
			if c.Want == nil {
				return // No such key: validation refuses the policy, and the package resource tests that.
			}
			permission, principal := leaves(t, c.rule())
			// The generator's test uses a key that validation refuses; ours is asked for one that it takes.
			c.Want.YAML = strings.Replace(c.Want.YAML, "filter: a.b.c", "filter: envoy.filters.a.b.c", 1)
			if c.Want.Kind == "Permission" {
				equal(t, currentPermission(t, c.Want.YAML), permission)
			} else {
				equal(t, currentPrincipal(t, c.Want.YAML), principal)
			}
		})
	}
}

type requestPrincipalCase struct {
	In   string `json:"in"`
	Want string `json:"want"`
}

func TestIstioRequestPrincipals(t *testing.T) {
	for id, c := range suite[requestPrincipalCase](t, "go-authz-request-principal") {
		t.Run(id, func(t *testing.T) {
			_, principal := leaves(t, &securityv1beta1.Rule{From: []*securityv1beta1.Rule_From{{
				Source: &securityv1beta1.Source{RequestPrincipals: []string{c.In}},
			}}})
			equal(t, currentPrincipal(t, c.Want), principal)
		})
	}
}

// leaves returns what a rule with one value asks of permission and principal, taken out of
// the AND of the rule and the OR of the field.
func leaves(t *testing.T, rule *securityv1beta1.Rule) (*rbacv3.Permission, *rbacv3.Principal) {
	t.Helper()
	filter, _ := rbacFilter([]*resource.Resource{authorization(&securityv1beta1.AuthorizationPolicy{Rules: []*securityv1beta1.Rule{rule}})}, securityv1beta1.AuthorizationPolicy_ALLOW, istios)
	policy := filter.GetRules().GetPolicies()["ns[foo]-policy[p]-rule[0]"]
	if len(policy.GetPermissions()) != 1 || len(policy.GetPrincipals()) != 1 {
		t.Fatalf("want one permission and one principal: %v", policy)
	}
	permission, principal := policy.GetPermissions()[0].GetAndRules().GetRules()[0], policy.GetPrincipals()[0].GetAndIds().GetIds()[0]
	if of := permission.GetOrRules(); of != nil {
		permission = of.GetRules()[0]
	}
	if of := principal.GetOrIds(); of != nil {
		principal = of.GetIds()[0]
	}
	return permission, principal
}

// currentPermission reads Istio's form and brings it up to date: metadata is deprecated in
// Envoy 1.40 in favour of sourced_metadata.
func currentPermission(t *testing.T, text string) *rbacv3.Permission {
	t.Helper()
	out := &rbacv3.Permission{}
	fromYAML(t, text, out)
	if m := out.GetMetadata(); m != nil { //nolint:staticcheck // Istio's form.
		out.Rule = &rbacv3.Permission_SourcedMetadata{SourcedMetadata: &rbacv3.SourcedMetadata{MetadataMatcher: m}}
	}
	return out
}

// currentPrincipal does the same. The generators' suite is written for waypoints, where
// the peer's identity is in a filter state; on a gateway it is that of the certificate.
func currentPrincipal(t *testing.T, text string) *rbacv3.Principal {
	t.Helper()
	out := &rbacv3.Principal{}
	fromYAML(t, text, out)
	for _, id := range append(out.GetAndIds().GetIds(), out) {
		if m := id.GetMetadata(); m != nil { //nolint:staticcheck // Istio's form.
			id.Identifier = &rbacv3.Principal_SourcedMetadata{SourcedMetadata: &rbacv3.SourcedMetadata{MetadataMatcher: m}}
		}
		if s := id.GetFilterState(); s.GetKey() == "io.istio.peer_principal" {
			id.Identifier = &rbacv3.Principal_Authenticated_{Authenticated: &rbacv3.Principal_Authenticated{PrincipalName: s.GetStringMatch()}}
		}
	}
	return out
}

type jwtCase struct {
	In       []json.RawMessage `json:"in"`
	Expected json.RawMessage   `json:"expected"`
}

func TestIstioJWTRules(t *testing.T) {
	for id, c := range suite[jwtCase](t, "go-jwt-config") {
		t.Run(id, func(t *testing.T) {
			want := &jwtauthnv3.JwtAuthentication{}
			if string(c.Expected) != "null" {
				fromYAML(t, string(c.Expected), want)
			}
			onGateway(want)
			got, _ := jwtAuthn(model.View{}, jwtRulesOf([]*resource.Resource{object(resource.RequestAuthentication, &securityv1beta1.RequestAuthentication{JwtRules: c.rules(t, want)})}))
			equal(t, want, got)
		})
	}
}

// rules reads the rules of a case. Where keys come from is no matter of this suite: rules
// without inline keys are given those that the case expects.
func (c jwtCase) rules(t *testing.T, want *jwtauthnv3.JwtAuthentication) []*securityv1beta1.JWTRule {
	t.Helper()
	var out []*securityv1beta1.JWTRule
	for _, in := range c.In {
		rule := &securityv1beta1.JWTRule{}
		fromYAML(t, string(in), rule)
		for _, p := range want.GetProviders() {
			if p.GetIssuer() == rule.GetIssuer() {
				rule.Jwks = p.GetLocalJwks().GetInlineString()
			}
		}
		out = append(out, rule)
	}
	return out
}

// onGateway makes of Istio's expectation, which is for a sidecar and before sorting, that
// for a gateway: the route is chosen again, and providers are numbered by issuer.
func onGateway(want *jwtauthnv3.JwtAuthentication) {
	var providers []*jwtauthnv3.JwtProvider
	for _, p := range want.GetProviders() {
		p.ClearRouteCache = true
		providers = append(providers, p)
	}
	slices.SortFunc(providers, func(a, b *jwtauthnv3.JwtProvider) int { return cmp.Compare(a.GetIssuer(), b.GetIssuer()) })
	for i, p := range providers {
		want.Providers[providerName(i)] = p
	}
}

type claimsCase struct {
	Input    []string `json:"input"`
	Expected []string `json:"expected"`
}

func TestIstioSpaceDelimitedClaims(t *testing.T) {
	for id, c := range suite[claimsCase](t, "go-jwt-space-delimited") {
		t.Run(id, func(t *testing.T) {
			input := strings.Join(c.Input, " ")
			if diff := gocmp.Diff(c.Expected, spaceDelimitedClaims(c.Input)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if strings.Join(c.Input, " ") != input {
				t.Error("the input was changed")
			}
		})
	}
}
