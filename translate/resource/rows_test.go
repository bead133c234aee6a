package resource_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
	"github.com/portreeve/portreeve/translate/source"
)

// row is one case of the list of what Istio's webhook and CRDs refuse. The text is the
// object without apiVersion and kind; ‸ stands before the place that the finding points to.
type row struct {
	number int
	kind   resource.Kind
	text   string
	code   diag.Code
}

const (
	ap   = "metadata: {name: a}\nspec:\n"
	ra   = "metadata: {name: a}\nspec:\n"
	keys = `jwks: '{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}'`
)

// rows lists the cases by the number of the row in the list of 43.
func rows() []row {
	from := func(source string) string { return ap + "  rules: [{from: [{source: {" + source + "}}]}]\n" }
	to := func(operation string) string { return ap + "  rules: [{to: [{operation: {" + operation + "}}]}]\n" }
	when := func(condition string) string { return ap + "  rules: [{when: [{" + condition + "}]}]\n" }
	custom := func(rules string) string {
		return ap + "  action: CUSTOM\n  provider: {name: p}\n  rules: [{" + rules + "}]\n"
	}
	jwt := func(rule string) string { return ra + "  jwtRules:\n  - {issuer: i, " + keys + ", " + rule + "}\n" }
	target := func(ref string) string { return ap + "  targetRefs: [" + ref + "]\n" }
	gateway := "{group: gateway.networking.k8s.io, kind: Gateway, name: g}"
	const p, r = resource.AuthorizationPolicy, resource.RequestAuthentication
	return []row{
		{1, p, ap + "  selector: {matchLabels: {a: b}}\n  ‸targetRefs: [" + gateway + "]\n", diag.CodeSelector},
		{1, r, ra + "  selector: {matchLabels: {a: b}}\n  ‸targetRef: " + gateway + "\n", diag.CodeSelector},
		{1, p, ap + "  targetRef: " + gateway + "\n  ‸targetRefs: [" + gateway + "]\n", diag.CodeSelector},
		{2, p, ap + "  selector: {matchLabels: {‸\"\": b}}\n", diag.CodeSelectorLabel},
		{3, p, ap + "  selector: {matchLabels: {‸\"a*\": b}}\n", diag.CodeSelectorLabel},
		{3, r, ra + "  selector: {matchLabels: {a: ‸\"b*\"}}\n", diag.CodeSelectorLabel},
		{4, p, ap + "  selector: ‸{}\n", diag.CodeSelectorEmpty},
		{4, r, ra + "  selector: ‸{matchLabels: {}}\n", diag.CodeSelectorEmpty},
		{5, p, target(`‸{group: gateway.networking.k8s.io, kind: Gateway, name: ""}`), diag.CodeTargetName},
		{6, p, target("{group: gateway.networking.k8s.io, kind: Gateway, name: g, namespace: ‸n}"), diag.CodeTargetNamespace},
		{7, p, target("{group: gateway.networking.k8s.io, kind: ‸HTTPRoute, name: g}"), diag.CodeTargetRef},
		{7, r, ra + "  targetRefs: [{group: apps, kind: ‸Service, name: g}]\n", diag.CodeTargetRef},
		{8, p, ap + "  targetRefs: ‸[" + strings.Repeat(gateway+", ", 17) + "]\n", diag.CodeTooMany},
		{9, p, "metadata: {name: a, annotations: {‸internal.istio.io/webhook-always-reject: \"true\"}}\nspec: {}\n", diag.CodeReservedAnnotation},
		{9, r, "metadata: {name: a, annotations: {‸internal.istio.io/parents: x}}\nspec: {}\n", diag.CodeReservedAnnotation},
		{10, r, "metadata: {name: a, annotations: {‸istio.io/dry-run: \"false\"}}\nspec: {}\n", diag.CodeDryRunRequest},
		{11, r, ra + "  jwtRules:\n  - ‸{" + keys + "}\n", diag.CodeIssuer},
		{11, r, ra + "  jwtRules:\n  - {issuer: ‸\"\", jwksUri: https://i.example/keys}\n", diag.CodeIssuer},
		{12, r, jwt(`audiences: [a, ‸""]`), diag.CodeEmptyValue},
		{12, r, jwt(`fromParams: [‸""]`), diag.CodeEmptyValue},
		{12, r, jwt(`fromCookies: [‸""]`), diag.CodeEmptyValue},
		{12, r, jwt(`spaceDelimitedClaims: [‸""]`), diag.CodeEmptyValue},
		{13, r, ra + "  jwtRules: [{issuer: i, jwksUri: ‸not-an-address}]\n", diag.CodeJWKSURI},
		{13, r, ra + "  jwtRules: [{issuer: i, jwksUri: ‸ftp://i.example/keys}]\n", diag.CodeJWKSURI},
		{13, r, ra + "  jwtRules: [{issuer: i, jwksUri: ‸https://i.example:99999/keys}]\n", diag.CodeJWKSURI},
		{13, r, ra + "  jwtRules: [{issuer: i, jwksUri: ‸https://i.example/" + strings.Repeat("k", 2048) + "}]\n", diag.CodeJWKSURI},
		{14, r, ra + "  jwtRules: [{issuer: i, jwks: ‸nonsense}]\n", diag.CodeJWKS},
		{15, r, ra + "  jwtRules: [{issuer: i, jwks: ‸'{\"keys\":[{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"}]}'}]\n", diag.CodeJWKSPrivate},
		{16, r, jwt("‸jwksUri: https://i.example/keys"), diag.CodeJWKSBoth},
		{17, r, jwt("fromHeaders: [‸null]"), diag.CodeWrongType},
		{17, r, jwt(`fromHeaders: [{name: ‸""}]`), diag.CodeHeaderName},
		{18, r, jwt("outputClaimToHeaders: [‸null]"), diag.CodeWrongType},
		{18, r, jwt(`outputClaimToHeaders: [{header: ‸"", claim: c}]`), diag.CodeHeaderName},
		{18, r, jwt(`outputClaimToHeaders: [{header: h, claim: ‸""}]`), diag.CodeEmptyValue},
		{18, r, jwt(`outputClaimToHeaders: [‸{header: h}]`), diag.CodeEmptyValue},
		{19, r, jwt(`outputClaimToHeaders: [{header: ‸":authority", claim: c}]`), diag.CodeHeaderName},
		{20, r, jwt("timeout: ‸0.0001s"), diag.CodeTimeout},
		{20, r, jwt("timeout: ‸1.0001s"), diag.CodeTimeout},
		{20, r, jwt("timeout: ‸soon"), diag.CodeWrongType},
		{21, r, jwt("presence: ‸MAYBE"), diag.CodeEnum},
		{22, r, ra + "  jwtRules:\n  - {issuer: i, " + keys + "}\n  - {issuer: ‸i, " + keys + "}\n", diag.CodeDuplicateIssuer},
		{22, r, jwt("fromParams: [a, ‸a]"), diag.CodeDuplicateLocation},
		{22, r, jwt("outputClaimToHeaders: [{header: h, claim: a}, {header: ‸H, claim: b}]"), diag.CodeOutputHeader},
		{22, r, jwt("outputPayloadToHeader: ‸a b"), diag.CodeHeaderName},
		{22, r, jwt("spaceDelimitedClaims: ‸[" + strings.Repeat("c, ", 65) + "]"), diag.CodeTooMany},
		{23, p, ap + "  action: ‸CUSTOM\n  provider: {name: p}\n", diag.CodeCustomRules},
		{24, p, ap + "  action: CUSTOM\n  provider: ‸{}\n  rules: [{}]\n", diag.CodeProviderName},
		{24, p, ap + "  ‸action: CUSTOM\n  rules: [{}]\n", diag.CodeProviderName},
		{25, p, custom("from: [{source: {‸namespaces: [a]}}]"), diag.CodeCustomSource},
		{25, p, custom("from: [{source: {‸notServiceAccounts: [a]}}]"), diag.CodeCustomSource},
		{25, p, custom("from: [{source: {‸trustDomains: [a]}}]"), diag.CodeCustomSource},
		{25, p, custom("from: [{source: {‸principals: [a]}}]"), diag.CodeCustomSource},
		{25, p, custom("from: [{source: {‸notRequestPrincipals: [\"*\"]}}]"), diag.CodeCustomSource},
		{26, p, custom("when: [{key: ‸source.namespace, values: [a]}]"), diag.CodeCustomCondition},
		{26, p, custom("when: [{key: ‸source.serviceAccount, values: [a]}]"), diag.CodeCustomCondition},
		{26, p, custom("when: [{key: ‸source.trustDomain, values: [a]}]"), diag.CodeCustomCondition},
		{26, p, custom("when: [{key: ‸source.principal, values: [a]}]"), diag.CodeCustomCondition},
		{26, p, custom(`when: [{key: ‸"request.auth.claims[a]", values: [a]}]`), diag.CodeCustomCondition},
		{26, p, custom("when: [‸null]"), diag.CodeWrongType},
		{27, p, ap + "  ‸provider: {name: p}\n", diag.CodeProvider},
		{28, p, ap + "  action: ‸DENY\n", diag.CodeRulesMissing},
		{28, p, ap + "  action: ‸DENY\n  rules: []\n", diag.CodeRulesMissing},
		{29, p, ap + "  rules: [‸null]\n", diag.CodeWrongType},
		{29, p, ap + "  rules: [{from: [‸null]}]\n", diag.CodeWrongType},
		{29, p, ap + "  rules: [{to: [‸null]}]\n", diag.CodeWrongType},
		{29, p, ap + "  rules: [{from: [{source: ‸{}}]}]\n", diag.CodeEmptyRule},
		{29, p, ap + "  rules: [{from: [‸{source: null}]}]\n", diag.CodeEmptyRule},
		{29, p, ap + "  rules: [{to: [{operation: ‸{}}]}]\n", diag.CodeEmptyRule},
		{30, p, from("‸serviceAccounts: [a], notPrincipals: [b]"), diag.CodeServiceAccountMix},
		{30, p, from("‸notServiceAccounts: [a], namespaces: [b]"), diag.CodeServiceAccountMix},
		{31, p, from(`principals: [‸""]`), diag.CodeEmptyValue},
		{31, p, to(`notHosts: [‸""]`), diag.CodeEmptyValue},
		{31, p, to(`methods: [‸""]`), diag.CodeEmptyValue},
		{31, p, to(`paths: [‸""]`), diag.CodeEmptyValue},
		{31, p, to(`ports: [‸""]`), diag.CodeEmptyValue},
		{31, p, when(`key: source.principal, values: [‸""]`), diag.CodeEmptyValue},
		{32, p, from("serviceAccounts: ‸[" + strings.Repeat("a, ", 17) + "]"), diag.CodeTooMany},
		{32, p, from(`serviceAccounts: [‸"*"]`), diag.CodeServiceAccount},
		{32, p, from("serviceAccounts: [‸" + strings.Repeat("a", 321) + "]"), diag.CodeServiceAccount},
		{32, p, from("serviceAccounts: [‸a/b/c]"), diag.CodeServiceAccount},
		{32, p, from("serviceAccounts: [‸/a]"), diag.CodeServiceAccount},
		{32, p, when("key: source.serviceAccount, values: [‸a/]"), diag.CodeServiceAccount},
		{33, p, from(`trustDomains: [‸"*a*"]`), diag.CodeTrustDomain},
		{33, p, from(`trustDomains: [‸"a*b"]`), diag.CodeTrustDomain},
		{33, p, from("notTrustDomains: [‸a/b]"), diag.CodeTrustDomain},
		{33, p, when("key: source.trustDomain, values: [‸a/b]"), diag.CodeTrustDomain},
		{34, p, from("ipBlocks: [‸10.0.0.300]"), diag.CodeAddress},
		{34, p, from("notRemoteIpBlocks: [‸10.0.0.0/33]"), diag.CodeAddress},
		{34, p, when("key: source.ip, values: [‸nowhere]"), diag.CodeAddress},
		{34, p, when("key: remote.ip, notValues: [‸nowhere]"), diag.CodeAddress},
		{34, p, when("key: destination.ip, values: [‸nowhere]"), diag.CodeAddress},
		{35, p, to(`ports: [‸"65536"]`), diag.CodePort},
		{35, p, to(`notPorts: [‸"80-90"]`), diag.CodePort},
		{35, p, when(`key: destination.port, values: [‸"-1"]`), diag.CodePort},
		{36, p, to(`paths: [‸"/a{*}"]`), diag.CodePathBraces},
		{36, p, to(`notPaths: [‸"/{a}"]`), diag.CodePathBraces},
		{37, p, to(`paths: [‸"/{**}/{*}"]`), diag.CodePathTemplate},
		{37, p, to(`paths: [‸"/{*}/a*"]`), diag.CodePathTemplate},
		{37, p, to(`paths: [‸"/{*}//a"]`), diag.CodePathTemplate},
		{38, p, ap + "  rules: [{when: [‸{values: [a]}]}]\n", diag.CodeWhenValues},
		{38, p, ap + "  rules: [{when: [‸{key: source.ip}]}]\n", diag.CodeWhenValues},
		{39, p, when("key: ‸request.nothing, values: [a]"), diag.CodeWhenKey},
		{39, p, when("key: ‸destination.labels, values: [a]"), diag.CodeWhenKey},
		{39, p, when("key: ‸destination.user, values: [a]"), diag.CodeWhenKey},
		{39, p, when(`key: ‸"request.headers[]", values: [a]`), diag.CodeWhenKey},
		{39, p, when(`key: ‸"request.auth.claims", values: [a]`), diag.CodeWhenKey},
		{40, p, "metadata: {name: a, annotations: {‸istio.io/dry-run: \"true\"}}\nspec: {action: AUDIT, rules: [{}]}\n", diag.CodeDryRun},
		{40, p, "metadata: {name: a, annotations: {‸istio.io/dry-run: \"true\"}}\nspec: {action: CUSTOM, provider: {name: p}, rules: [{}]}\n", diag.CodeDryRun},
		{40, p, "metadata: {name: a, annotations: {istio.io/dry-run: ‸maybe}}\nspec: {}\n", diag.CodeDryRun},
		{41, p, ap + "  action: DENY\n  rules: [‸{to: [{operation: {paths: [/a]}}]}]\n", diag.CodeDenyTCP},
		{41, p, ap + "  action: DENY\n  rules: [‸{from: [{source: {requestPrincipals: [\"*\"]}}]}]\n", diag.CodeDenyTCP},
		{42, p, ap + "  rules: ‸[" + strings.Repeat("{}, ", 513) + "]\n", diag.CodeTooMany},
		{42, p, ap + "  rules: [{from: ‸[" + strings.Repeat("{source: {principals: [a]}}, ", 513) + "]}]\n", diag.CodeTooMany},
	}
}

// elsewhere are the rows about other files, with the test that has their cases.
func elsewhere() map[int]string {
	return map[int]string{43: "the providers of the mesh configuration: the cases beside DecodeMesh"}
}

func TestRowsOfIstiosValidation(t *testing.T) {
	seen := elsewhere()
	for _, r := range rows() {
		seen[r.number] = "here"
		head := "apiVersion: security.istio.io/v1\nkind: " + string(r.kind) + "\n"
		before, after, marked := strings.Cut(head+r.text, "‸")
		if !marked {
			t.Fatalf("row %d has no ‸: %s", r.number, r.text)
		}
		line := strings.Count(before, "\n") + 1
		column := len(before) - strings.LastIndexByte(before, '\n')
		_, found := compile(source.File{Path: "row.yaml", Content: []byte(before + after)})
		i := slices.IndexFunc(found, func(d diag.Diagnostic) bool {
			return d.Code == r.code && d.Pos.Line == line && d.Pos.Column == column
		})
		if i < 0 {
			t.Errorf("row %d: no %s at %d:%d of\n%sfound %v", r.number, r.code, line, column, before+after, found)
		} else if found[i].Hint == "" {
			t.Errorf("row %d: no hint: %s", r.number, found[i])
		}
	}
	for n := range 43 {
		if seen[n+1] == "" {
			t.Errorf("row %d has no case; the rows are %v", n+1, slices.Sorted(maps.Keys(seen)))
		}
	}
}
