package differential

import (
	"fmt"
	"strings"
)

// field is a field of a source or an operation, with the kind of its values.
type field struct{ name, kind string }

func sourceFields() []field {
	return []field{{"principals", "principal"}, {"requestPrincipals", "requester"}, {"namespaces", "namespace"}, {"ipBlocks", "address"}, {"remoteIpBlocks", "remote"}}
}

func operationFields() []field {
	return []field{{"hosts", "host"}, {"methods", "method"}, {"paths", "path"}, {"ports", "port"}}
}

// fields makes an object of some of the fields: each as it is, as its negation, or both.
func (g *generator) fields(all []field) object {
	out := object{}
	for len(out) == 0 {
		for _, f := range all {
			if g.in(4) {
				out[f.name] = g.of(f.kind, 3)
			}
			if g.in(9) {
				out["not"+strings.ToUpper(f.name[:1])+f.name[1:]] = g.of(f.kind, 2)
			}
		}
	}
	return out
}

// conditions are the keys of `when`, with the kinds of their values. The first are those that an
// authorizer's rules may have too.
func conditions() []field {
	return []field{
		{"request.headers[x-a]", "text"}, {"request.headers[X-B]", "text"}, {"request.headers[:method]", "method"}, {"request.headers[:path]", "target"},
		{"request.headers[:authority]", "host"}, {"request.headers[cookie]", "cookie"}, {"source.ip", "address"}, {"remote.ip", "remote"}, {"destination.ip", "destination"},
		{"destination.port", "port"}, {"connection.sni", "sni"},
		{"source.namespace", "namespace"}, {"source.principal", "principal"}, {"request.auth.principal", "requester"}, {"request.auth.audiences", "audience"},
		{"request.auth.presenter", "presenter"}, {"request.auth.claims[role]", "claim"}, {"request.auth.claims[groups]", "claim"}, {"request.auth.claims[org][team]", "claim"},
		{"request.auth.claims[a.b]", "claim"}, {"request.auth.claims[level]", "claim"}, {"request.auth.claims[active]", "claim"}, {"request.auth.claims[scope]", "scope"},
		{"request.auth.claims[iss]", "issuer"}, {"request.auth.claims[sub]", "subject"}, {"request.auth.claims[org]", "claim"}, {"request.auth.claims[roles]", "claim"},
	}
}

const conditionsOfAuthorizers = 11

func (g *generator) condition(from []field) object {
	f := from[g.IntN(len(from))]
	out := object{"key": f.name}
	if !g.in(3) {
		out["values"] = g.of(f.kind, 3)
	}
	if len(out) == 1 || g.in(6) {
		out["notValues"] = g.of(f.kind, 2)
	}
	return out
}

func (g *generator) rule() object {
	out := object{}
	if g.in(2) {
		for range 1 + g.IntN(2) {
			from, _ := out["from"].([]any)
			out["from"] = append(from, object{"source": g.fields(sourceFields())})
		}
	}
	if !g.in(3) {
		for range 1 + g.IntN(2) {
			to, _ := out["to"].([]any)
			out["to"] = append(to, object{"operation": g.fields(operationFields())})
		}
	}
	return g.when(out, conditions())
}

func (g *generator) when(out object, from []field) object {
	if !g.in(3) {
		return out
	}
	for range 1 + g.IntN(2) {
		when, _ := out["when"].([]any)
		out["when"] = append(when, g.condition(from))
	}
	return out
}

// customRule is a rule without identities, which are not known when an authorizer is asked.
func (g *generator) customRule() object {
	out := object{}
	if g.in(3) {
		out["from"] = []any{object{"source": g.fields(sourceFields()[3:])}}
	}
	if !g.in(3) {
		out["to"] = []any{object{"operation": g.fields(operationFields())}}
	}
	return g.when(out, conditions()[:conditionsOfAuthorizers])
}

func (g *generator) authorizationPolicy() object {
	action := g.pick("ALLOW", "ALLOW", "ALLOW", "DENY", "DENY", "AUDIT", "CUSTOM")
	rule := g.rule
	spec := object{"action": action}
	if action == "CUSTOM" {
		rule, spec["provider"] = g.customRule, object{"name": g.pick("first", "second")}
	}
	var rules []any
	for range 1 + g.IntN(3) {
		rules = append(rules, rule())
	}
	if spec["rules"] = rules; action == "ALLOW" && g.in(20) {
		delete(spec, "rules")
	}
	if action == "ALLOW" && g.in(3) { // so that requests do get through
		spec["rules"] = append(rules, object{"to": []any{object{"operation": object{"methods": g.of("method", 4)}}}})
	}
	out := g.object("AuthorizationPolicy", spec)
	if (action == "ALLOW" || action == "DENY") && g.in(6) {
		out["metadata"].(object)["annotations"] = object{"istio.io/dry-run": "true"}
	}
	return out
}

func (g *generator) requestAuthentication() object {
	var rules []any
	for range 1 + g.IntN(2) {
		rules = append(rules, g.jwtRule())
	}
	return g.object("RequestAuthentication", object{"jwtRules": rules})
}

func (g *generator) jwtRule() object {
	issuer := g.pick(issuers()...)
	out := object{"issuer": issuer, "jwks": g.keys.public(issuer)}
	g.seen["token-issuer"] = append(g.seen["token-issuer"], issuer)
	if g.in(3) {
		out["audiences"] = g.some(2, "shop", "other", "https://shop.example/")
	}
	if g.in(3) {
		out["fromHeaders"] = []any{g.tokenHeader()}
	}
	if g.in(4) {
		out["fromParams"] = g.some(2, "token", "access_token")
	}
	if g.in(6) {
		out["fromCookies"] = []any{"session"}
	}
	g.tokenOutputs(out)
	if g.in(8) {
		out["spaceDelimitedClaims"] = g.some(2, "role", "roles", "org.team")
	}
	if g.in(6) {
		out["presence"] = g.pick("OPTIONAL", "REQUIRED")
	}
	return out
}

func (g *generator) tokenHeader() object {
	out := object{"name": g.pick("authorization", "x-token", "Authorization")}
	if prefix := g.pick("", "Bearer ", "JWT ", "Bearer"); prefix != "" {
		out["prefix"] = prefix
	}
	return out
}

func (g *generator) tokenOutputs(out object) {
	if g.in(2) {
		out["forwardOriginalToken"] = true
	}
	if g.in(5) {
		out["outputPayloadToHeader"] = "x-payload"
	}
	if g.in(4) {
		out["outputClaimToHeaders"] = []any{object{"header": g.pick("x-sub", "x-a"), "claim": g.pick("sub", "role", "groups", "org.team", "level", "active", "org")}}
	}
}

func (g *generator) jwtPolicy() object {
	rule := g.jwtRule()
	for _, name := range []string{"presence", "spaceDelimitedClaims"} {
		delete(rule, name)
	}
	matching := object{"mode": g.pick("AUTH_IF_MATCHED", "BYPASS_AUTH_IF_MATCHED")}
	if g.in(4) {
		matching["allRequests"] = true
	} else {
		matching["rules"] = []any{g.fields(operationFields()[:3])}
		rule := matching["rules"].([]any)[0].(object)
		for name := range rule {
			if strings.HasPrefix(name, "not") {
				delete(rule, name)
			}
		}
		if len(rule) == 0 {
			rule["paths"] = g.of("path", 2)
		}
	}
	return g.object("JWTPolicy", object{"selector": object{"matchLabels": object{"istio": "ingressgateway"}}, "jwt": rule, "matching": matching})
}

func (g *generator) mesh() object {
	out := object{"extensionProviders": []any{provider("first"), provider("second")}}
	if g.in(2) {
		out["pathNormalization"] = object{"normalization": g.pick("NONE", "BASE", "MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES", "DEFAULT")}
	}
	if g.in(2) {
		out["defaultConfig"] = object{"gatewayTopology": object{"numTrustedProxies": 1 + g.IntN(2)}}
	}
	return out
}

// provider is an authorizer that does what the header x-authz-NAME asks of it.
func provider(name string) object {
	return object{"name": name, "envoyExtAuthzHttp": object{"service": "authz.s${n}.example", "port": 80, "includeRequestHeadersInCheck": []any{"x-authz-" + name}, "pathPrefix": fmt.Sprintf("/%s", name)}}
}
