package resource

import (
	"slices"
	"strings"

	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/diag"
)

// condition checks an entry of when. A key that does not exist is an error for every
// action: Istio drops the whole rule, which opens a DENY policy.
func (c ruleValueChecker) condition(path Path, when *securityv1beta1.Condition) {
	key := when.GetKey()
	switch _, reason := ReadWhenKey(key); {
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
	c.nestedClaim(path.Field("key"), claimOfKey(key))
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

// identityKey reports a key about who the peer or the token is.
func identityKey(key string) bool {
	return slices.Contains([]string{"source.namespace", "source.serviceAccount", "source.trustDomain", "source.principal"}, key) ||
		strings.HasPrefix(key, "request.auth.")
}
