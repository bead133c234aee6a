package policy

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
)

// twoTokens is a gateway that demands a token of the issuer a and takes one of b beside it.
func twoTokens(policies ...*resource.Resource) model.View {
	return model.View{
		RequestAuthentications: []*resource.Resource{object(resource.RequestAuthentication, &securityv1beta1.RequestAuthentication{JwtRules: []*securityv1beta1.JWTRule{
			{Issuer: "a", Jwks: "{}", Presence: securityv1beta1.JWTRule_REQUIRED}, {Issuer: "b", Jwks: "{}"},
		}})},
		AuthorizationPolicies: policies,
	}
}

// token is the payload of a verified token: texts and lists of text by claim. Nil is no token.
type token map[string]any

// TestMultiToken is which requests with verified tokens of a and b a rule matches. Every
// request comes from 10.0.0.1.
func TestMultiToken(t *testing.T) {
	const (
		ofA   = `{from: [{source: {requestPrincipals: ["a/*"]}}]}`
		ofB   = `{from: [{source: {requestPrincipals: ["b/*"]}}]}`
		notA  = `{from: [{source: {notRequestPrincipals: ["a/*"]}}]}`
		notB  = `{from: [{source: {notRequestPrincipals: ["b/*"]}}]}`
		staff = `{when: [{key: "request.auth.claims[group]", values: [staff]}]}`
		// notStaff is about those of a.
		notStaff = `{from: [{source: {requestPrincipals: ["a/*"]}}], when: [{key: "request.auth.claims[group]", notValues: [staff]}]}`
		staffOfA = `{from: [{source: {requestPrincipals: ["a/*"]}}], when: [{key: "request.auth.claims[group]", values: [staff]}]}`
		nobody   = `{when: [{key: "request.auth.claims[group]", notValues: [staff]}]}`
		inside   = `{from: [{source: {ipBlocks: [10.0.0.0/8], notRequestPrincipals: ["a/*"]}}]}`
		outside  = `{from: [{source: {ipBlocks: [192.168.0.0/16], notRequestPrincipals: ["a/*"]}}]}`
	)
	a, b := token{"iss": "a", "sub": "ann"}, token{"iss": "b", "sub": "bob"}
	staffA, staffB := token{"iss": "a", "sub": "ann", "group": []string{"x", "staff"}}, token{"iss": "b", "sub": "bob", "group": "staff"}
	for name, c := range map[string]struct {
		action securityv1beta1.AuthorizationPolicy_Action
		rule   string
		a, b   token
		want   bool
	}{
		"allow: the first token counts":                          {allow, ofA, a, b, true},
		"allow: the second is not hidden by the first":           {allow, ofB, a, b, true},
		"allow: nobody has the second":                           {allow, ofB, a, nil, false},
		"allow: no claim is lent by another token":               {allow, staffOfA, a, staffB, false},
		"allow: the claim is of the token that is asked for":     {allow, staffOfA, staffA, b, true},
		"allow: any token may have a claim that is asked for":    {allow, staff, a, staffB, true},
		"allow: what is ruled out of the second token counts":    {allow, notB, a, b, false},
		"allow: what is ruled out is not there":                  {allow, notB, a, nil, true},
		"allow: a token does not make up for what another has":   {allow, nobody, staffA, b, false},
		"allow: a token that lacks something is no reason":       {allow, notA, a, b, false},
		"allow: ruled out of the second, asked of the first":     {allow, notStaff, a, staffB, false},
		"deny: the first token is seen":                          {deny, ofA, a, b, true},
		"deny: the second does not hide behind the first":        {deny, ofB, a, b, true},
		"deny: no claim is lent by another token":                {deny, staffOfA, a, staffB, false},
		"deny: the only token is as it must be":                  {deny, notA, a, nil, false},
		"deny: the second token is not as it must be":            {deny, notA, a, b, true},
		"deny: no token is as it must be":                        {deny, notA, nil, nil, true},
		"deny: neither is as it must not be":                     {deny, notB, nil, b, false},
		"deny: a claim of one does not excuse the other":         {deny, nobody, staffA, b, true},
		"deny: both have the claim":                              {deny, nobody, staffA, staffB, false},
		"deny: the second token does not excuse what is asked":   {deny, notStaff, a, staffB, true},
		"deny: what is asked is excused by itself":               {deny, notStaff, staffA, b, false},
		"deny: what is no matter of tokens counts beside it":     {deny, inside, a, b, true},
		"deny: what is no matter of tokens must hold for each":   {deny, outside, a, b, false},
		"audit: the second token is not as it must be":           {audit, notA, a, b, true},
		"audit: the second token does not excuse what is asked":  {audit, notStaff, a, staffB, true},
		"audit: the second does not hide behind the first":       {audit, ofB, a, b, true},
		"audit: what is asked of the first is excused by itself": {audit, notStaff, staffA, b, false},
	} {
		t.Run(name, func(t *testing.T) {
			policy := authorization(&securityv1beta1.AuthorizationPolicy{Action: c.action, Rules: []*securityv1beta1.Rule{rule(t, c.rule)}})
			request := map[string]token{"payload": c.a, "payload-1": c.b}
			if got := matches(t, rbacOf(t, Of(twoTokens(policy)), c.action).GetRules(), request); got != c.want {
				t.Errorf("the rule matches: %v, want %v", got, c.want)
			}
			policy.Annotations = map[string]string{resource.DryRunAnnotation: "true"}
			if got := matches(t, rbacOf(t, Of(twoTokens(policy)), c.action).GetShadowRules(), request); got != c.want {
				t.Errorf("as a dry run the rule matches: %v, want %v", got, c.want)
			}
		})
	}
}

// TestMultiTokenInIstio holds that Istio's shape knows of one token, whatever is REQUIRED.
func TestMultiTokenInIstio(t *testing.T) {
	spec := &securityv1beta1.AuthorizationPolicy{Action: deny, Rules: []*securityv1beta1.Rule{rule(t, `{from: [{source: {notRequestPrincipals: ["a/*"]}}]}`)}}
	view, optional := twoTokens(authorization(spec)), twoTokens(authorization(spec))
	optional.RequestAuthentications[0].Spec.(*securityv1beta1.RequestAuthentication).JwtRules[0].Presence = securityv1beta1.JWTRule_OPTIONAL
	for i, f := range Of(optional).HTTP {
		equal(t, f.InIstio(), Of(view).HTTP[i].InIstio())
	}
	if keys := Of(view).JWTRules.InIstio().PayloadKeys(); !slices.Equal(keys, []string{"payload"}) {
		t.Errorf("the keys are %v", keys)
	}
}

func rbacOf(t *testing.T, p Policy, action securityv1beta1.AuthorizationPolicy_Action) *rbachttpv3.RBAC {
	t.Helper()
	name := map[securityv1beta1.AuthorizationPolicy_Action]string{allow: AllowFilter, deny: DenyFilter, audit: AuditFilter}[action]
	i := slices.IndexFunc(p.HTTP, func(f Filter) bool { return f.Name == name })
	if err := p.HTTP[i].Config.(*rbachttpv3.RBAC).ValidateAll(); err != nil {
		t.Errorf("Envoy refuses it: %v", err)
	}
	return p.HTTP[i].Config.(*rbachttpv3.RBAC)
}

// matches reports whether a principal of any rule is the one who asks.
func matches(t *testing.T, rules *rbacv3.RBAC, request map[string]token) bool {
	t.Helper()
	if len(rules.GetPolicies()) != 1 {
		t.Fatalf("the rules are %v, want one", rules)
	}
	for _, p := range rules.GetPolicies() {
		for _, id := range p.GetPrincipals() {
			if isPrincipal(t, id, request) {
				return true
			}
		}
	}
	return false
}

func isPrincipal(t *testing.T, p *rbacv3.Principal, request map[string]token) bool {
	t.Helper()
	is := func(p *rbacv3.Principal) bool { return isPrincipal(t, p, request) }
	isNot := func(p *rbacv3.Principal) bool { return !is(p) }
	switch id := p.GetIdentifier().(type) {
	case *rbacv3.Principal_AndIds:
		return !slices.ContainsFunc(id.AndIds.GetIds(), isNot)
	case *rbacv3.Principal_OrIds:
		return slices.ContainsFunc(id.OrIds.GetIds(), is)
	case *rbacv3.Principal_NotId:
		return isNot(id.NotId)
	case *rbacv3.Principal_DirectRemoteIp:
		return strings.HasPrefix(id.DirectRemoteIp.GetAddressPrefix(), "10.")
	case *rbacv3.Principal_SourcedMetadata:
		return isMetadata(t, id.SourcedMetadata.GetMetadataMatcher(), request)
	default:
		t.Fatalf("no test reads %v", p)
		return false
	}
}

func isMetadata(t *testing.T, m *matcherv3.MetadataMatcher, request map[string]token) bool {
	t.Helper()
	payload := request[m.GetPath()[0].GetKey()]
	if m.GetFilter() != "envoy.filters.http.jwt_authn" || len(m.GetPath()) > 2 {
		t.Fatalf("no test reads %v", m)
	}
	if len(m.GetPath()) == 1 {
		return payload != nil && m.GetValue().GetPresentMatch()
	}
	return isValue(t, m.GetValue(), payload[m.GetPath()[1].GetKey()])
}

func isValue(t *testing.T, m *matcherv3.ValueMatcher, value any) bool {
	t.Helper()
	switch pattern := m.GetMatchPattern().(type) {
	case *matcherv3.ValueMatcher_OrMatch:
		return slices.ContainsFunc(pattern.OrMatch.GetValueMatchers(), func(m *matcherv3.ValueMatcher) bool { return isValue(t, m, value) })
	case *matcherv3.ValueMatcher_ListMatch:
		list, _ := value.([]string)
		return slices.ContainsFunc(list, func(v string) bool { return isValue(t, pattern.ListMatch.GetOneOf(), v) })
	case *matcherv3.ValueMatcher_StringMatch:
		text, ok := value.(string)
		if expression := pattern.StringMatch.GetSafeRegex(); expression != nil {
			return ok && regexp.MustCompile("^(?:"+expression.GetRegex()+")$").MatchString(text)
		}
		return ok && text == pattern.StringMatch.GetExact()
	default:
		t.Fatalf("no test reads %v", m)
		return false
	}
}
