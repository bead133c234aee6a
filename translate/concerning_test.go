package translate_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// concerning are files of valid objects that concern each other: what is found of one depends on which of the others
// are there, and how.
func concerning() map[string][]string {
	policy := func(name, spec string) string {
		return fmt.Sprintf("apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: %s, namespace: istio-system}\nspec: %s\n", name, spec)
	}
	tokens := func(name, rule string) string {
		return fmt.Sprintf("apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {name: %s, namespace: istio-system}\nspec: {jwtRules: [{%s}]}\n", name, rule)
	}
	gateway := func(selector, servers string) string {
		return fmt.Sprintf("apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: gateway, namespace: istio-system}\nspec: {selector: {%s}, servers: [%s]}\n", selector, servers)
	}
	routes := func(http string) string {
		return fmt.Sprintf("apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: routes, namespace: istio-system}\nspec: {hosts: [shop.example], gateways: [gateway], http: [{%s}]}\n", http)
	}
	to := "route: [{destination: {host: backend.local, port: {number: 80}}}]"
	return map[string][]string{
		"gateway.yaml": {
			gateway("istio: ingressgateway", `{port: {number: 80, name: a, protocol: HTTP}, hosts: ["*"]}`),
			gateway("istio: ingressgateway", `{port: {number: 80, name: a, protocol: HTTP}, hosts: [shop.example]}, {port: {number: 81, name: b, protocol: TCP}, hosts: ["*"]}`),
			gateway("istio: ingressgateway, app: edge", `{port: {number: 0, name: a, protocol: HTTP}, hosts: ["*"], bind: "unix:///a"}`),
			gateway("istio: ingressgateway", `{port: {number: 443, name: c, protocol: HTTPS}, hosts: ["*"], tls: {mode: SIMPLE, credentialName: web}}`),
			gateway("istio: ingressgateway", `{port: {number: 443, name: c, protocol: HTTPS}, hosts: [shop.example], tls: {mode: MUTUAL, serverCertificate: /c, privateKey: /k, caCertificates: /a}}`),
		},
		"backend.yaml": {"apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: backend, namespace: istio-system}\nspec: {hosts: [backend.local], ports: [{number: 80, name: http, protocol: HTTP}], resolution: STATIC, endpoints: [{address: 127.0.0.1}]}\n"},
		"routes.yaml": {
			routes(to), routes("corsPolicy: {allowOrigins: [{exact: https://shop.example}]}, " + to), routes(`match: [{headers: {"@request.auth.claims.a": {exact: b}}}], ` + to),
			routes("match: [{uri: {prefix: /A}, ignoreUriCase: true}], " + to), routes(`headers: {request: {set: {x-claim: "%REQ(x-other)%"}}}, ` + to),
		},
		"tokens-a.yaml": {tokens("a", "issuer: a, jwksUri: https://a.example/keys"), tokens("a", "issuer: a, jwksUri: https://a.example/keys, outputClaimToHeaders: [{header: x-claim, claim: sub}]"), tokens("a", "issuer: c, jwksUri: https://c.example/keys, presence: REQUIRED")},
		"tokens-b.yaml": {tokens("b", "issuer: b, jwksUri: https://b.example/keys, fromHeaders: [{name: x-claim}]"), tokens("b", "issuer: a, jwksUri: https://b.example/keys")},
		"p-1.yaml": {
			policy("one", "{action: DENY, rules: [{from: [{source: {notRequestPrincipals: ['*']}}]}]}"), policy("one", "{rules: [{from: [{source: {requestPrincipals: [a/x]}}]}]}"),
			policy("one", "{rules: [{from: [{source: {requestPrincipals: [b/x]}}]}]}"), policy("one", "{selector: {matchLabels: {istio: ingresgateway}}, rules: [{from: [{source: {requestPrincipals: [aa/x]}}]}]}"),
		},
		"p-2.yaml": {
			policy("two", "{action: DENY, rules: [{to: [{operation: {paths: [/a/*]}}]}]}"), policy("two", "{action: DENY, rules: [{to: [{operation: {paths: [/a*]}}]}]}"), policy("two", "{action: DENY, rules: [{to: [{operation: {ports: ['81'], hosts: [other.example]}}]}]}"),
			policy("two", "{action: DENY, rules: [{from: [{source: {principals: [cluster.local/ns/a/sa/b], ipBlocks: [10.0.0.1]}}]}]}"),
		},
		"p-3.yaml":       {policy("three", "{rules: [{to: [{operation: {paths: [/a/b]}}]}]}"), policy("three", "{rules: [{to: [{operation: {paths: [/A, /c]}}]}]}"), policy("three", "{rules: [{from: [{source: {remoteIpBlocks: [10.0.0.1]}}]}]}")},
		"p-4.yaml":       {policy("four", "{action: AUDIT, rules: [{}]}"), policy("four", "{action: AUDIT, rules: [{from: [{source: {namespaces: [a]}}]}]}")},
		"p-5.yaml":       {policy("five", "{action: DENY, rules: [{when: [{key: 'request.auth.claims[a]', values: [b]}]}]}"), policy("five", "{selector: {matchLabels: {app: edge}}, rules: [{}]}")},
		"telemetry.yaml": {"apiVersion: telemetry.istio.io/v1\nkind: Telemetry\nmetadata: {name: logs, namespace: istio-system}\nspec: {accessLogging: [{providers: [{name: envoi}]}]}\n"},
		"wizard.yaml": {
			"apiVersion: portreeve.dev/v1alpha1\nkind: JWTPolicy\nmetadata: {name: one, namespace: shop}\nspec: {jwt: {issuer: w, jwksUri: https://w.example/keys}, matching: {mode: AUTH_IF_MATCHED, rules: [{paths: [/w]}]}}\n",
			"apiVersion: portreeve.dev/v1alpha1\nkind: JWTPolicy\nmetadata: {name: w, namespace: istio-system}\nspec: {jwt: {issuer: w, jwksUri: https://w.example/keys}, matching: {mode: AUTH_IF_MATCHED, rules: [{paths: [/w]}]}}\n",
			"apiVersion: portreeve.dev/v1alpha1\nkind: JWTPolicy\nmetadata: {name: one, namespace: istio-system}\nspec: {jwt: {issuer: w, jwksUri: https://w.example/keys}, matching: {mode: AUTH_IF_MATCHED, rules: [{paths: [/w]}]}}\n",
		},
		"many.yaml": {many(20), many(72)},
	}
}

// many are policies for labels that are not known, so that more names would have to be compared for suggestions than
// may be.
func many(n int) string {
	out := ""
	for i := range n {
		out += fmt.Sprintf("---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: g%d, namespace: shop}\nspec: {selector: {app: a%d}, servers: [{port: {number: %d, name: http, protocol: HTTP}, hosts: [h%d.example]}]}\n", i, i, 8000+i, i)
		out += fmt.Sprintf("---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: m%d, namespace: shop}\nspec: {selector: {matchLabels: {app: ab%d}}, action: DENY, rules: [{}]}\n", i, i)
	}
	return out
}

// concern puts one of these files into a directory, or another form of it, or takes it away.
func concern(random *rand.Rand, dir map[string][]byte) {
	all := concerning()
	paths := make([]string, 0, len(all))
	for path := range all {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	path := paths[random.IntN(len(paths))]
	if path == "many.yaml" && random.IntN(6) > 0 || random.IntN(5) == 0 {
		delete(dir, path)
		return
	}
	dir[path] = []byte(all[path][random.IntN(len(all[path]))])
}
