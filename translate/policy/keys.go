package policy

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	jwtauthnv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
)

// setKeys says where a provider finds the keys of its rule: in the configuration itself,
// or at an address from which the gateway fetches them.
func setKeys(provider *jwtauthnv3.JwtProvider, rule *securityv1beta1.JWTRule, v model.View) {
	if fetchedByGateway(rule, v) {
		if remote, ok := remoteJWKS(rule); ok {
			provider.JwksSourceSpecifier = &jwtauthnv3.JwtProvider_RemoteJwks{RemoteJwks: remote}
			return
		}
	}
	keys := keysOf(rule, v)
	if keys == "" {
		keys = resource.ClosedKeys
	}
	provider.JwksSourceSpecifier = &jwtauthnv3.JwtProvider_LocalJwks{LocalJwks: &corev3.DataSource{
		Specifier: &corev3.DataSource_InlineString{InlineString: keys},
	}}
}

// fetchedByGateway reports whether the gateway itself fetches the keys of a rule. Those that
// have to be found through the issuer it cannot: Envoy knows no discovery.
func fetchedByGateway(rule *securityv1beta1.JWTRule, v model.View) bool {
	source, fetched := model.KeySourceOf(rule)
	return fetched && source.URI != "" && v.KeyFetch == model.FetchByGateway
}

// keysOf returns the keys of a rule, its own or those fetched for it. Empty means that
// nobody has them yet: every token of the rule is refused then. No private half of a key is
// among them: reading a policy takes it out, and so does reading what an issuer publishes.
func keysOf(rule *securityv1beta1.JWTRule, v model.View) string {
	if source, fetched := model.KeySourceOf(rule); fetched {
		return v.Keys[source]
	}
	return rule.GetJwks()
}
