package resource

import (
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	portreevev1alpha1 "github.com/portreeve/portreeve/proto/portreeve/v1alpha1"
	"github.com/portreeve/portreeve/translate/diag"
)

// The bounds of a PolicyTest.
const (
	// maxTestGateways is how many gateways it may ask.
	maxTestGateways = 16
	// maxTestTokens is how many tokens, and issuers, it may have.
	maxTestTokens = 256
	// maxTestRequests is how many requests it may have, over all of its tests.
	maxTestRequests = 1000
)

// policyTestChecker checks a PolicyTest.
type policyTestChecker struct {
	valueChecker
	spec *portreevev1alpha1.PolicyTest
}

func checkPolicyTest(v valueChecker, m proto.Message) {
	c, path := policyTestChecker{v, m.(*portreevev1alpha1.PolicyTest)}, Path{"spec"}
	c.gateways(path.Field("gateways"))
	c.time(path)
	c.issuers(path.Field("issuers"))
	c.tokens(path.Field("tokens"))
	c.tests(path)
}

func (c policyTestChecker) gateways(path Path) {
	c.atMost(path, len(c.spec.GetGateways()), maxTestGateways)
	for i, g := range c.spec.GetGateways() {
		at := path.Field(i)
		if ns := g.GetNamespace(); ns != "" && !isLabel(ns) {
			c.add(diag.CodeMetadata, at.Field("namespace"), "%q is not a namespace", ns).WithHint(NamespaceForm)
		}
		c.atMost(at.Field("labels"), len(g.GetLabels()), maxIdentityLabels)
		c.workloadLabels(at.Field("labels"), g.GetLabels())
	}
}

func (c policyTestChecker) time(path Path) {
	text := c.spec.GetTime()
	if _, err := time.Parse(time.RFC3339, text); text != "" && err != nil {
		c.add(diag.CodeTestValue, path.Field("time"), "%q is not a time", text).WithHint("for example 2026-01-31T12:00:00Z")
	}
}

func (c policyTestChecker) issuers(path Path) {
	c.atMost(path, len(c.spec.GetIssuers()), maxTestTokens)
	seen := map[string]bool{}
	for i, issuer := range c.spec.GetIssuers() {
		at := path.Field(i)
		switch {
		case issuer.GetName() == "":
			c.addMissing(diag.CodeTestMissing, c.deepest(at, "name"), "%s has no name", at).WithHint("the name by which tokens refer to it")
		case seen[issuer.GetName()]:
			c.add(diag.CodeTestTwice, at.Field("name"), "two issuers are named %q", issuer.GetName()).WithHint("give each a name of its own")
		}
		if issuer.GetIssuer() == "" {
			c.addMissing(diag.CodeTestMissing, c.deepest(at, "issuer"), "%s has no issuer", at).WithHint("the iss claim of its tokens")
		}
		seen[issuer.GetName()] = true
	}
}

func (c policyTestChecker) tokens(path Path) {
	c.atMost(path, len(c.spec.GetTokens()), maxTestTokens)
	for _, name := range slices.Sorted(maps.Keys(c.spec.GetTokens())) {
		at, token := path.Field(name), c.spec.GetTokens()[name]
		switch {
		case token.GetRaw() != "" && (token.GetIssuer() != "" || token.GetClaims() != nil || token.GetExpires() != nil):
			c.addKey(diag.CodeTestValue, at.Field("raw"), "%s is raw, and is to be made too", at).WithHint("keep raw, or issuer with claims and expires")
		case token.GetRaw() != "" && c.spec.GetTime() == "":
			c.addMissing(diag.CodeTestMissing, at.Field("raw"), "%s is raw, and the PolicyTest does not say at which time it is judged", at).WithHint("set spec.time, such as 2026-01-31T12:00:00Z")
		case token.GetRaw() != "":
		case token.GetIssuer() == "":
			c.addMissing(diag.CodeTestMissing, at, "%s has neither an issuer nor raw", at).WithHint("issuer: the name of one of spec.issuers")
		case !slices.Contains(c.issuerNames(), token.GetIssuer()):
			c.add(diag.CodeTestUnknown, at.Field("issuer"), "there is no issuer %q", token.GetIssuer()).WithHint("%s", choice(token.GetIssuer(), c.issuerNames()))
		}
	}
}

func (c policyTestChecker) issuerNames() []string {
	var out []string
	for _, issuer := range c.spec.GetIssuers() {
		out = append(out, issuer.GetName())
	}
	return out
}

func (c policyTestChecker) tests(path Path) {
	if len(c.spec.GetTests()) == 0 {
		c.addMissing(diag.CodeTestMissing, c.deepest(path, "tests"), "the PolicyTest tests nothing").WithHint("tests: [{name: …, request: {url: …}, expect: {verdict: denied}}]")
	}
	seen, requests := map[string]bool{}, 0
	for i, test := range c.spec.GetTests() {
		at := path.Field("tests", i)
		switch name := test.GetName(); {
		case name == "":
			c.addMissing(diag.CodeTestMissing, c.deepest(at, "name"), "%s has no name", at).WithHint("say what is promised: anonymous is refused")
		case seen[name]:
			c.add(diag.CodeTestTwice, at.Field("name"), "two tests are named %q", name).WithHint("give each a name of its own")
		}
		seen[test.GetName()] = true
		requests += c.requests(at, test)
		c.expectation(at, test.GetExpect())
	}
	if requests > maxTestRequests {
		c.add(diag.CodeTooMany, path.Field("tests"), "the tests have %d requests", requests).WithHint("at most %d in one PolicyTest", maxTestRequests)
	}
}

// requests checks the requests of a test and returns how many there are.
func (c policyTestChecker) requests(path Path, test *portreevev1alpha1.TestCase) int {
	if test.GetRequest() != nil && len(test.GetRequests()) > 0 {
		c.addKey(diag.CodeTestValue, path.Field("requests"), "%s has both request and requests", path).WithHint("keep one of them")
	}
	if test.GetRequest() == nil && len(test.GetRequests()) == 0 {
		c.addMissing(diag.CodeTestMissing, c.deepest(path, "requests"), "%s has no request", path).WithHint("request: {url: http://host/path}")
	}
	if test.GetRequest() != nil {
		c.request(path.Field("request"), test.GetRequest())
	}
	for i, r := range test.GetRequests() {
		c.request(path.Field("requests", i), r)
	}
	return max(1, len(test.GetRequests()))
}
