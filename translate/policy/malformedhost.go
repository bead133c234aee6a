package policy

import (
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/resource"
)

// MalformedHost is the name of the rule, and of the route, that refuses a host that is none.
const MalformedHost = "malformed-host"

func hostPart() requestPart {
	return requestPart{
		name: HostFilter, rule: MalformedHost,
		malformed: func() []*rbacv3.Permission {
			return []*rbacv3.Permission{{Rule: &rbacv3.Permission_Header{Header: match.MalformedHost()}}}
		},
		fields: func(o *securityv1beta1.Operation) [][]string { return [][]string{o.GetHosts(), o.GetNotHosts()} },
		header: resource.IsAuthority,
	}
}
