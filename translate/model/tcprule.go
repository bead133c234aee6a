package model

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	securityv1beta1 "istio.io/api/security/v1beta1"
)

// NetworkRule returns what of a rule can be asked of a connection whose requests nobody
// reads, and whether that is less than the rule says. Without its HTTP fields a rule is
// wider: that is right only where it does not allow anything. The rule is not changed.
func NetworkRule(rule *securityv1beta1.Rule) (network *securityv1beta1.Rule, less bool) {
	if !asksOfRequests(rule) {
		return rule, false
	}
	out := proto.Clone(rule).(*securityv1beta1.Rule)
	for _, from := range out.GetFrom() {
		if s := from.GetSource(); s != nil {
			s.RequestPrincipals, s.NotRequestPrincipals = nil, nil
		}
	}
	for _, to := range out.GetTo() {
		if o := to.GetOperation(); o != nil {
			o.Hosts, o.NotHosts, o.Methods, o.NotMethods, o.Paths, o.NotPaths = nil, nil, nil, nil, nil, nil
		}
	}
	out.When = slices.DeleteFunc(out.When, requestCondition)
	return out, true
}

// asksOfRequests reports whether a rule has a field that connections do not have.
func asksOfRequests(rule *securityv1beta1.Rule) bool {
	return slices.ContainsFunc(rule.GetFrom(), func(f *securityv1beta1.Rule_From) bool {
		s := f.GetSource()
		return len(s.GetRequestPrincipals())+len(s.GetNotRequestPrincipals()) > 0
	}) || slices.ContainsFunc(rule.GetTo(), func(t *securityv1beta1.Rule_To) bool {
		o := t.GetOperation()
		return len(o.GetHosts())+len(o.GetNotHosts())+len(o.GetMethods())+len(o.GetNotMethods())+len(o.GetPaths())+len(o.GetNotPaths()) > 0
	}) || slices.ContainsFunc(rule.GetWhen(), requestCondition)
}

// requestCondition reports a condition on a request. All others are about the connection.
func requestCondition(c *securityv1beta1.Condition) bool {
	return strings.HasPrefix(c.GetKey(), "request.")
}

// everyConnection reports whether a rule of NetworkRule has nothing left that tells
// connections apart.
func everyConnection(rule *securityv1beta1.Rule) bool {
	from := len(rule.GetFrom()) == 0 || slices.ContainsFunc(rule.GetFrom(), func(f *securityv1beta1.Rule_From) bool { return proto.Size(f.GetSource()) == 0 })
	to := len(rule.GetTo()) == 0 || slices.ContainsFunc(rule.GetTo(), func(t *securityv1beta1.Rule_To) bool { return proto.Size(t.GetOperation()) == 0 })
	return from && to && len(rule.GetWhen()) == 0
}
