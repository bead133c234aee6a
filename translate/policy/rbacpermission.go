package policy

import (
	"slices"
	"strconv"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	uritemplatev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/path/match/uri_template/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/resource"
)

func allRules(rules ...*rbacv3.Permission) *rbacv3.Permission {
	return &rbacv3.Permission{Rule: &rbacv3.Permission_AndRules{AndRules: &rbacv3.Permission_Set{Rules: rules}}}
}

func notRule(rule *rbacv3.Permission) *rbacv3.Permission {
	return &rbacv3.Permission{Rule: &rbacv3.Permission_NotRule{NotRule: rule}}
}

func anything() *rbacv3.Permission {
	return &rbacv3.Permission{Rule: &rbacv3.Permission_Any{Any: true}}
}

// eachRule matches when the field has any of the values. It is nil when one of them cannot
// be compiled.
func eachRule(rule func(string) *rbacv3.Permission) func([]string) *rbacv3.Permission {
	return func(values []string) *rbacv3.Permission {
		rules := make([]*rbacv3.Permission, 0, len(values))
		for _, v := range values {
			r := rule(v)
			if r == nil {
				return nil
			}
			rules = append(rules, r)
		}
		return &rbacv3.Permission{Rule: &rbacv3.Permission_OrRules{OrRules: &rbacv3.Permission_Set{Rules: rules}}}
	}
}

func hostRule(v string) *rbacv3.Permission {
	return &rbacv3.Permission{Rule: &rbacv3.Permission_Header{Header: match.Host(v)}}
}

func methodRule(v string) *rbacv3.Permission {
	return &rbacv3.Permission{Rule: &rbacv3.Permission_Header{Header: match.Header(":method", v)}}
}

func pathRule(v string) *rbacv3.Permission {
	if template, ok := match.Template(v); ok {
		return &rbacv3.Permission{Rule: &rbacv3.Permission_UriTemplate{UriTemplate: &corev3.TypedExtensionConfig{
			Name:        "uri-template",
			TypedConfig: match.Any(&uritemplatev3.UriTemplateMatchConfig{PathTemplate: template}),
		}}}
	}
	return &rbacv3.Permission{Rule: &rbacv3.Permission_UrlPath{UrlPath: match.Path(v)}}
}

// portRule matches the port that the connection came in on, or is nil for what is no port.
func portRule(v string) *rbacv3.Permission {
	port, err := strconv.ParseUint(v, 10, 16)
	if err != nil {
		return nil
	}
	return &rbacv3.Permission{Rule: &rbacv3.Permission_DestinationPort{DestinationPort: uint32(port)}}
}

func destinationIPRule(v string) *rbacv3.Permission {
	block := match.CIDR(v)
	if block == nil {
		return nil
	}
	return &rbacv3.Permission{Rule: &rbacv3.Permission_DestinationIp{DestinationIp: block}}
}

func serverNameRule(v string) *rbacv3.Permission {
	return &rbacv3.Permission{Rule: &rbacv3.Permission_RequestedServerName{RequestedServerName: match.String(v)}}
}

// ruleClauses collects the parts of one AND, in the order in which Istio writes them, and which fields of
// the rule they are. A part that is nil stands for what cannot be compiled.
type ruleClauses struct {
	parts  []*rbacv3.Permission
	fields []ruleField
	// traced says that fields are noted.
	traced bool
}

func (c *ruleClauses) field(at ruleField, name string, rule func([]string) *rbacv3.Permission, values, notValues []string) {
	if len(values) > 0 {
		c.add(at.named(name), nonEmpty(rule, values))
	}
	if len(notValues) > 0 {
		part := nonEmpty(rule, notValues)
		if part != nil {
			part = notRule(part)
		}
		c.add(at.except(name), part)
	}
}

func (c *ruleClauses) add(field ruleField, part *rbacv3.Permission) {
	if c.parts = append(c.parts, part); c.traced {
		c.fields = append(c.fields, field)
	}
}

func (c ruleClauses) all() *rbacv3.Permission {
	switch {
	case slices.Contains(c.parts, nil):
		return nil
	case len(c.parts) == 0:
		return allRules(anything())
	default:
		return allRules(c.parts...)
	}
}

// permissions renders the to entries of a rule, each with the rule's conditions on what is
// asked, and notes which fields they are. The rule matches when any of them does. One that cannot be
// compiled is nil.
func permissions(rule *securityv1beta1.Rule, as operationMatchers, fields clauseFields) []*rbacv3.Permission {
	operations := []*securityv1beta1.Operation{nil}
	if to := rule.GetTo(); len(to) > 0 {
		operations = nil
		for _, t := range to {
			operations = append(operations, t.GetOperation())
		}
	}
	out := make([]*rbacv3.Permission, 0, len(operations))
	for i, o := range operations {
		c := ruleClauses{traced: fields != nil}
		c.permission(o, i, rule.GetWhen(), as)
		fields.note(permissionClause, i, c.fields)
		out = append(out, c.all())
	}
	return out
}

func (c *ruleClauses) permission(o *securityv1beta1.Operation, index int, when []*securityv1beta1.Condition, as operationMatchers) {
	c.operation(ruleField{entry: "to", index: index, of: "operation"}, o, as)
	for i, w := range when {
		key, _ := resource.ReadWhenKey(w.GetKey())
		if rule := conditionRule(key); rule != nil {
			c.field(ruleField{entry: "when", index: i}, "values", rule, w.GetValues(), w.GetNotValues())
		}
	}
}

func (c *ruleClauses) operation(at ruleField, o *securityv1beta1.Operation, as operationMatchers) {
	c.field(at, "hosts", as.hosts, o.GetHosts(), nil)
	c.field(at, "hosts", eachRule(hostRule), nil, o.GetNotHosts())
	c.field(at, "methods", eachRule(methodRule), o.GetMethods(), o.GetNotMethods())
	c.field(at, "paths", as.paths, o.GetPaths(), nil)
	c.field(at, "paths", as.notPaths, nil, o.GetNotPaths())
	c.field(at, "ports", eachRule(portRule), o.GetPorts(), o.GetNotPorts())
}

// conditionRule returns what a condition's key asks of the permission, or nil for a key
// that asks something of the principal.
func conditionRule(key resource.WhenKey) func([]string) *rbacv3.Permission {
	switch key.Name {
	case "destination.ip":
		return eachRule(destinationIPRule)
	case "destination.port":
		return eachRule(portRule)
	case "connection.sni":
		return eachRule(serverNameRule)
	}
	if namespace, ok := key.FilterNamespace(); ok {
		return func(values []string) *rbacv3.Permission { return metadataRule(namespace, key.Args[0], values) }
	}
	return nil
}

// metadataRule matches a value that another filter left; "[v]" matches a list with v in it. As in
// Istio all brackets around v are taken off.
func metadataRule(namespace, key string, values []string) *rbacv3.Permission {
	matchers := make([]*matcherv3.ValueMatcher, 0, len(values))
	for _, v := range values {
		if strings.HasPrefix(v, "[") && strings.HasSuffix(v, "]") {
			matchers = append(matchers, match.InList(match.StringValue(match.String(strings.Trim(v, "[]")))))
		} else {
			matchers = append(matchers, match.StringValue(match.String(v)))
		}
	}
	value := matchers[0]
	if len(matchers) > 1 {
		value = match.AnyValue(matchers...)
	}
	return &rbacv3.Permission{Rule: &rbacv3.Permission_SourcedMetadata{SourcedMetadata: &rbacv3.SourcedMetadata{
		MetadataMatcher: match.Metadata(namespace, []string{key}, value),
	}}}
}
