package resource

import (
	"slices"
	"strings"

	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/diag"
)

// WhenKeys returns the keys that a condition can have. Those that end with [] take a name
// in the brackets; request.auth.claims takes several, one in the other.
func WhenKeys() []string {
	return []string{
		"request.headers[]", "source.ip", "remote.ip", "source.namespace", "source.serviceAccount", "source.trustDomain", "source.principal",
		"request.auth.principal", "request.auth.audiences", "request.auth.presenter", "request.auth.claims[]",
		"destination.ip", "destination.port", "connection.sni", "experimental.envoy.filters.*[]",
	}
}

// condition checks an entry of when. A key that does not exist is an error for every
// action: Istio drops the whole rule, which opens a DENY policy.
func (c ruleValueChecker) condition(path Path, when *securityv1beta1.Condition) {
	key := when.GetKey()
	switch reason := whenKeyMistake(key); {
	case key == "":
		c.addMissing(diag.CodeWhenValues, path, "%s has no key", path).WithHint("one of %s", strings.Join(WhenKeys(), ", "))
	case reason == notAKey:
		c.add(diag.CodeWhenKey, path.Field("key"), "%q %s", key, reason).WithHint("%s", choice(key, WhenKeys()))
	case reason != "":
		c.add(diag.CodeWhenKey, path.Field("key"), "%q %s", key, reason).
			WithHint("for example request.headers[x-user], request.auth.claims[groups], request.auth.claims[realm][roles]")
	}
	if len(when.GetValues())+len(when.GetNotValues()) == 0 {
		c.addMissing(diag.CodeWhenValues, path, "%s has neither values nor notValues", path).WithHint("list what the key may be, or may not be")
	}
	c.conditionValues(path, key, "values", when.GetValues())
	c.conditionValues(path, key, "notValues", when.GetNotValues())
}

func (c ruleValueChecker) conditionValues(path Path, key, field string, values []string) {
	if len(values) == 0 {
		return
	}
	switch key {
	case "source.ip", "remote.ip", "destination.ip":
		c.addresses(path, field, values)
		return
	case "destination.port":
		c.ports(path, field, values)
		return
	}
	c.nonEmpty(path, field, values)
	c.claimValues(path.Field(field), claimOfKey(key), values)
	if strings.HasPrefix(key, "source.") {
		c.peerLength(path, field, values)
	}
	switch key {
	case "source.serviceAccount":
		c.serviceAccounts(path, field, values)
	case "source.trustDomain":
		c.trustDomains(path, field, values)
	case "request.auth.principal":
		c.wildcards(path, field, values)
		c.requestPrincipals(path, field, values)
	case "source.principal":
		c.wildcards(path, field, values)
	}
}

const (
	experimentalPrefix = "experimental.envoy.filters."
	notAKey            = "is not a key of a condition"
)

// whenKeyMistake says why there is no such key, or "".
func whenKeyMistake(key string) string {
	name, rest, bracketed := strings.Cut(key, "[")
	filter, experimental := strings.CutPrefix(name, experimentalPrefix)
	takesName := name == "request.headers" || name == "request.auth.claims" || experimental && filter != ""
	switch {
	case !bracketed && slices.Contains(WhenKeys(), name):
		return ""
	case !takesName:
		return notAKey
	case !bracketed:
		return "needs a name in brackets"
	}
	names, closed := strings.CutSuffix(rest, "]")
	parts := strings.Split(names, "][")
	for _, part := range parts {
		if !closed || part == "" || strings.ContainsAny(part, "[]") {
			return "does not have a name in each pair of brackets"
		}
	}
	switch {
	case name == "request.headers" && (len(parts) > 1 || !isHeaderKey(names)):
		return "does not have the name of a header in its brackets"
	case experimental && len(parts) > 1:
		return "has more than one name in brackets"
	}
	return ""
}

// isHeaderKey accepts a token, by which HTTP names headers, and the pseudo headers (:path).
func isHeaderKey(s string) bool {
	s = strings.TrimPrefix(s, ":")
	for i := range len(s) {
		if !isAlphanumeric(s[i]) && strings.IndexByte("!#$%&'*+-.^_`|~", s[i]) < 0 {
			return false
		}
	}
	return s != ""
}

// identityKey reports a key about who the peer or the token is.
func identityKey(key string) bool {
	return slices.Contains([]string{"source.namespace", "source.serviceAccount", "source.trustDomain", "source.principal"}, key) ||
		strings.HasPrefix(key, "request.auth.")
}
