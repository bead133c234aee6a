package words

import "strings"

// tokenMeaning is about refusals by jwt_authn: what Envoy says, what that means, and the way out.
func tokenMeaning(text string) (Meaning, bool) {
	for _, m := range tokenMeanings() {
		if strings.EqualFold(text, m.text) || strings.HasPrefix(strings.ToLower(text), strings.ToLower(m.text)) {
			return Meaning{Says: m.says, WayOut: m.wayOut}, true
		}
	}
	if strings.HasPrefix(text, "Jwt ") {
		return Meaning{Says: "the token is malformed: " + text, WayOut: "decode the token; the part that is named has to be as RFC 7519 says"}, true
	}
	return Meaning{}, false
}

type tokenText struct{ text, says, wayOut string }

func tokenMeanings() []tokenText {
	return []tokenText{
		{
			"Jwt is missing", "a rule with presence: REQUIRED found no token where it looks for one",
			"send it as Authorization: Bearer TOKEN, or in a place of the rule's fromHeaders, fromParams or fromCookies",
		},
		{
			"Jwt issuer is not configured", "a token was found whose iss is that of no RequestAuthentication here: a token of a foreign issuer is refused also where no rule asks for one",
			"a rule for its issuer, letter by letter (a slash at its end counts); or send the foreign token in another header than those that rules look at",
		},
		{
			"Audiences in Jwt are not allowed", "the token's aud is none of the rule's audiences. The status is 403, not 401: the token is good, and not for this",
			"audiences of the rule, or a token that is for one of them",
		},
		{"Jwt is expired", "the token's exp is more than 60 s ago", "a new token; compare the clocks of issuer and gateway"},
		{"Jwt not yet valid", "the token's nbf is more than 60 s ahead", "compare the clocks of issuer and gateway"},
		{"Jwt verification fails", "a key of the issuer fits the token and its signature does not verify", "the token was changed, or is signed by another key of the same name: look at the keys with portreeve status"},
		{"Jwks doesn't have key to match kid or alg from Jwt", "the issuer's key set has no key with the token's kid and alg", "portreeve status shows the keys that were fetched and their age: the issuer may have changed them"},
		{"Jwks doesn't have any valid public key", "there is no key of the issuer, so all its tokens are refused", "portreeve status says why its keys cannot be fetched"},
		{"Jwks remote fetch is failed", "the gateway could not fetch the issuer's keys, so its tokens are refused", "jwksUri, and whether the gateway reaches it; --jwks-fetch control-plane fetches them in the control plane"},
		{"Jwt header [alg] is not supported", "the token's alg is none that is verified (such as none)", "RS, ES, PS and HS of 256, 384 and 512, or EdDSA"},
		{"Jwt is not in the form of Header.Payload.Signature", "what was sent in the token's place is no JWT, such as an opaque token", "a JWT of a configured issuer, or another header for the other token"},
	}
}
