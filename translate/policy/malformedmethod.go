package policy

import (
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/envoy/match"
)

// MalformedMethod is the name of the rule that refuses a method which is not in capitals.
const MalformedMethod = "malformed-method"

// wellFormedMethod is a method as all that are registered are written. HTTP/2 carries any other
// text: a rule about DELETE does not see delete, and a backend may take the two for one.
const wellFormedMethod = `[A-Z0-9-]+`

func methodPart() requestPart {
	return requestPart{
		name: MethodFilter, rule: MalformedMethod,
		malformed: func() []*rbacv3.Permission {
			return []*rbacv3.Permission{{Rule: &rbacv3.Permission_Header{Header: &routev3.HeaderMatcher{
				Name: ":method", InvertMatch: true,
				HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{StringMatch: match.Regex(wellFormedMethod)},
			}}}}
		},
		fields: func(o *securityv1beta1.Operation) [][]string { return [][]string{o.GetMethods(), o.GetNotMethods()} },
		header: pseudoHeader(":method"),
	}
}
