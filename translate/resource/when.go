package resource

import (
	"strings"

	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/internal/diag"
)

// WhenKeys returns the keys that a condition can have; those with brackets take a name in them.
func WhenKeys() []string {
	return []string{"request.headers[]", "source.ip", "remote.ip", "source.namespace", "source.serviceAccount", "source.trustDomain",
		"source.principal", "request.auth.principal", "request.auth.audiences", "request.auth.presenter", "request.auth.claims[]",
		"destination.ip", "destination.port", "connection.sni", "experimental.envoy.filters.[]"}
}

func (c *checker) condition(path Path, when *securityv1beta1.Condition) {
	key, at := when.GetKey(), path.Field("key")
	if len(when.GetValues())+len(when.GetNotValues()) == 0 {
		c.add(diag.CodeWhenValues, path, "the condition has neither values nor notValues").WithHint("list what the key may be")
	}
	for field, values := range map[string][]string{"values": when.GetValues(), "notValues": when.GetNotValues()} {
		in := path.Field(field)
		c.nonEmpty(in, values)
		switch key {
		case "source.ip", "remote.ip", "destination.ip":
			c.addresses(in, values)
		case "destination.port":
			c.ports(in, values)
		case "source.serviceAccount":
			c.serviceAccounts(in, values)
		case "source.trustDomain":
			c.trustDomains(in, values)
		}
	}
	if !knownWhenKey(key) {
		c.add(diag.CodeWhenKey, at, "%q is not a key of a condition", key).WithHint("%s", suggestion(key, WhenKeys()))
	}
}

func knownWhenKey(key string) bool {
	name, bracket, bracketed := strings.Cut(key, "[")
	if !bracketed {
		for _, known := range WhenKeys() {
			if key == known {
				return true
			}
		}
		return false
	}
	inner, closed := strings.CutSuffix(bracket, "]")
	if !closed || inner == "" || strings.HasPrefix(inner, "]") {
		return false
	}
	experimental := strings.HasPrefix(name, "experimental.envoy.filters.") && len(name) > len("experimental.envoy.filters.")
	return name == "request.headers" || name == "request.auth.claims" || experimental
}
