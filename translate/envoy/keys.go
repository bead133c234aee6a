package envoy

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	jwtauthnv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/model"
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
		keys = closedKeys
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
// nobody has them yet: every token of the rule is refused then.
func keysOf(rule *securityv1beta1.JWTRule, v model.View) string {
	if source, fetched := model.KeySourceOf(rule); fetched {
		return v.Keys[source]
	}
	return rule.GetJwks()
}

// closedKeys is a key set whose private half was never written down, so that no token
// verifies. It is a constant, so that equal policy gives equal bytes everywhere.
const closedKeys = `{"keys":[{"kty":"RSA","e":"AQAB","n":"xo8TJT4gC8yQBw_e6a3Rce556DkGk6fcbG0IUORB7uPT2GMFkFqrIBY5OfoCxDDTGkYFHjJ2DdHGikxk1Qaenj13O60YJnIR07iMBLQyE9S9GQa1ws26XmgiSFYBNWGTZHUiBUDsaNSlIRg2EucjUkXD6Tdxk53CseKlwfZkCPXvLL68PUfO9drNaJTjoTghCrC3ppt4Om5vRmk_W_NMWDLo6d6g6aF9WbznPMGTj0lgTLiztY_PELglwHRKIXJfFwK2Amwgn6ukxoGDVhL1Mm2Zq7fA8uITAYCa0RjX38lI2fEUJ6dW9oySMT0DSDQ5MZi5nfaCKmUyR5xTUCDjHw"}]}`
