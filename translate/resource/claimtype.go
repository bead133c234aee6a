package resource

import (
	"regexp"
	"slices"
	"strings"

	"github.com/portreeve/portreeve/translate/diag"
)

// textClaims are the registered claims that are text by definition, also where it reads like a
// number.
func textClaims() []string {
	return []string{"iss", "sub", "aud", "azp", "jti", "client_id", "scope", "nonce", "acr", "name", "preferred_username", "email", "phone_number"}
}

// numberClaims are the registered claims that are a number or a truth value by definition.
func numberClaims() []string {
	return []string{"exp", "nbf", "iat", "auth_time", "updated_at", "email_verified", "phone_number_verified"}
}

var unquoted = regexp.MustCompile(`^(true|false|-?(0|[1-9][0-9]*)(\.[0-9]+)?)$`)

// claimValues warns of a claim that is compared with what would not be text in a token: only
// text, and lists of text, match, so that a DENY rule is open.
func (c valueChecker) claimValues(path Path, claim []string, values []string) {
	if len(claim) == 0 || len(claim) == 1 && slices.Contains(textClaims(), claim[0]) {
		return
	}
	if len(claim) == 1 && slices.Contains(numberClaims(), claim[0]) {
		c.add(diag.CodeClaimType, path, "the claim %s is no text in a token, and only text, or a list of text, is compared: it matches nothing", claim[0]).
			WithHint("a claim that the issuer writes as text")
		return
	}
	for i, v := range values {
		if unquoted.MatchString(v) {
			at := path
			if len(values) > 1 || c.written(path.Field(i)) {
				at = path.Field(i)
			}
			c.add(diag.CodeClaimType, at, "%q matches the text %q alone, and nothing where the token has %s without quotes", v, v, v).
				WithHint("let the issuer write the claim as text, or list of text, and compare it with a text that cannot be taken for something else")
			return
		}
	}
}

// objectClaims are claims that are objects by definition, or as issuers that many use write them.
func objectClaims() []string {
	return []string{"address", "act", "may_act", "cnf", "realm_access", "resource_access", "app_metadata", "user_metadata", "firebase"}
}

// nestedClaim warns of a claim whose name is a path with dots into an object that tokens have: a
// condition compares the dot as part of the name. Other names with dots are names, as those of
// addresses and of kubernetes.io are.
func (c valueChecker) nestedClaim(path Path, claim []string) {
	for _, name := range claim {
		object, rest, dotted := strings.Cut(name, ".")
		if dotted && rest != "" && slices.Contains(objectClaims(), object) {
			c.add(diag.CodeClaimNesting, path, "no token has a claim with the name %q: a dot is part of the name, and does not lead into the object %s", name, object).
				WithHint("write request.auth.claims[%s]", strings.ReplaceAll(strings.Join(claim, "."), ".", "]["))
			return
		}
	}
}

// claimOfKey reads the names of a condition's claim, or nil where it is about another thing.
func claimOfKey(key string) []string {
	if read, _ := ReadWhenKey(key); read.Name == ClaimKey {
		return read.Args
	}
	return nil
}
