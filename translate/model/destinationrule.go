package model

import (
	"cmp"
	"slices"
	"strings"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/resource"
)

// Rule is what the DestinationRules that count for a host say together.
type Rule struct {
	// Origins are the DestinationRules, oldest first; none where nothing is said.
	Origins []*resource.Resource
	// Subsets have each name once.
	Subsets []*networkingv1alpha3.Subset
	policy  *networkingv1alpha3.TrafficPolicy
	// from has the policy.
	from *resource.Resource
	// base is what counts in the blocks that the rule leaves out; it may be nil.
	base *networkingv1alpha3.TrafficPolicy
}

// Policy returns what the rule says of a port and, unless it is empty, a subset. A subset's
// settings stand over the host's; what is written for a port takes the place of all that is
// written for every port. It may be nil.
func (r Rule) Policy(port uint32, subset string) *networkingv1alpha3.TrafficPolicy {
	out := overlaid(nil, r.policy, port)
	if i := slices.IndexFunc(r.Subsets, func(s *networkingv1alpha3.Subset) bool { return s.GetName() == subset }); i >= 0 {
		out = overlaid(out, r.Subsets[i].GetTrafficPolicy(), port)
	}
	return over(r.base, out)
}

// overlaid returns a policy for one port with another over it.
func overlaid(under, over *networkingv1alpha3.TrafficPolicy, port uint32) *networkingv1alpha3.TrafficPolicy {
	if over == nil {
		return under
	}
	out := &networkingv1alpha3.TrafficPolicy{
		ConnectionPool: cmp.Or(over.GetConnectionPool(), under.GetConnectionPool()), OutlierDetection: cmp.Or(over.GetOutlierDetection(), under.GetOutlierDetection()),
		LoadBalancer: cmp.Or(over.GetLoadBalancer(), under.GetLoadBalancer()), Tls: cmp.Or(over.GetTls(), under.GetTls()),
		ProxyProtocol: cmp.Or(over.GetProxyProtocol(), under.GetProxyProtocol()), Tunnel: cmp.Or(over.GetTunnel(), under.GetTunnel()), RetryBudget: cmp.Or(over.GetRetryBudget(), under.GetRetryBudget()),
	}
	for _, s := range over.GetPortLevelSettings() {
		if s.GetPort().GetNumber() == port {
			out.ConnectionPool, out.OutlierDetection, out.LoadBalancer, out.Tls = s.GetConnectionPool(), s.GetOutlierDetection(), s.GetLoadBalancer(), s.GetTls()
			break
		}
	}
	return out
}

// Origin returns the DestinationRule whose policy counts for the host, or nil.
func (r Rule) Origin() *resource.Resource { return r.from }

// ruleIndex holds the DestinationRules by namespace and host, in Istio's order.
type ruleIndex map[string]map[Host][]*resource.Resource

func (x ruleIndex) add(r *resource.Resource, settings Settings) {
	host := settings.resolve(r.Spec.(*networkingv1alpha3.DestinationRule).GetHost(), r.Namespace)
	if x[r.Namespace] == nil {
		x[r.Namespace] = map[Host][]*resource.Resource{}
	}
	x[r.Namespace][host] = append(x[r.Namespace][host], r)
}

// of returns what counts for a service at a gateway: the rules of the gateway's namespace,
// or else those of the service's, or else those of the root namespace. A gateway in the root
// namespace looks there first only for rules that are for no other namespace, since those
// for everybody are meant as the last resort.
func (x ruleIndex) of(s Service, g Gateway, root string) Rule {
	own := func(r *resource.Resource) bool {
		to := r.Spec.(*networkingv1alpha3.DestinationRule).GetExportTo()
		return exported(to, r.Namespace, g.Namespace) && (g.Namespace != root || onlyFor(r, root))
	}
	shared := func(r *resource.Resource) bool { return !onlyFor(r, r.Namespace) }
	for _, step := range []struct {
		namespace string
		counts    func(*resource.Resource) bool
	}{{g.Namespace, own}, {s.Origin.Namespace, shared}, {root, shared}} {
		if visible := visibleRules(x.matching(step.namespace, s.Host, step.counts), g); len(visible) > 0 {
			return merged(visible)
		}
	}
	return Rule{}
}

// matching returns the rules of a namespace that count, for the most specific of their
// hosts that contains the service's: the host itself, or else the longest wildcard.
func (x ruleIndex) matching(namespace string, host Host, counts func(*resource.Resource) bool) []*resource.Resource {
	var best Host
	var out []*resource.Resource
	for pattern := range x.patterns(namespace, host) {
		if out != nil && len(pattern) <= len(best) {
			continue
		}
		var rules []*resource.Resource
		for _, r := range x[namespace][pattern] {
			if counts(r) {
				rules = append(rules, r)
			}
		}
		if len(rules) > 0 {
			best, out = pattern, rules
		}
	}
	return out
}

// patterns returns the hosts of DestinationRules of a namespace that contain a host. Their
// number is that of the host's characters at most, whatever rules there are.
func (x ruleIndex) patterns(namespace string, host Host) func(func(Host) bool) {
	return func(yield func(Host) bool) {
		rules := x[namespace]
		if len(rules) == 0 {
			return
		}
		if _, ok := rules[host]; ok && !yield(host) {
			return
		}
		name := strings.TrimPrefix(string(host), "*")
		for i := range len(name) + 1 {
			pattern := Host("*" + name[i:])
			if _, ok := rules[pattern]; ok && pattern != host && !yield(pattern) {
				return
			}
		}
	}
}

// onlyFor reports whether a rule is for the workloads of its own namespace alone.
func onlyFor(r *resource.Resource, namespace string) bool {
	spec := r.Spec.(*networkingv1alpha3.DestinationRule)
	to := spec.GetExportTo()
	return spec.GetWorkloadSelector() != nil || len(to) == 1 && (to[0] == "." || to[0] == namespace)
}

// visibleRules returns the rules that are exported to the gateway and select it. Where some
// of them select by labels, those alone count, and otherwise those of one scope.
func visibleRules(rules []*resource.Resource, g Gateway) []*resource.Resource {
	var selecting, all []*resource.Resource
	for _, r := range rules {
		spec := r.Spec.(*networkingv1alpha3.DestinationRule)
		switch selector := spec.GetWorkloadSelector(); {
		case selector != nil && r.Namespace == g.Namespace && g.Selected(selector.GetMatchLabels()):
			selecting = append(selecting, r)
		case selector == nil && exported(spec.GetExportTo(), r.Namespace, g.Namespace):
			all = append(all, r)
		}
	}
	if len(selecting) > 0 {
		return selecting
	}
	return ofOneScope(all)
}

// ofOneScope returns, of rules that a gateway sees, those with the exportTo that came up last.
// As in Istio, rules with different exportTo are not put together: whoever exports a younger
// one to fewer namespaces, say with TLS, has it count there.
func ofOneScope(rules []*resource.Resource) []*resource.Resource {
	var last string
	byScope := map[string][]*resource.Resource{}
	for _, r := range rules {
		scope := scopeOf(r)
		if len(byScope[scope]) == 0 {
			last = scope
		}
		byScope[scope] = append(byScope[scope], r)
	}
	return byScope[last]
}

// merged puts rules for one host together: the first policy for the whole host counts, and
// of subsets with one name the first.
func merged(rules []*resource.Resource) Rule {
	out := Rule{Origins: rules}
	for _, r := range rules {
		spec := r.Spec.(*networkingv1alpha3.DestinationRule)
		if out.policy == nil && spec.GetTrafficPolicy() != nil {
			out.policy, out.from = spec.GetTrafficPolicy(), r
		}
		for _, s := range spec.GetSubsets() {
			if !slices.ContainsFunc(out.Subsets, func(o *networkingv1alpha3.Subset) bool { return o.GetName() == s.GetName() }) {
				out.Subsets = append(out.Subsets, s)
			}
		}
	}
	return out
}

// scopeOf tells exportTo of rules apart, whatever the order.
func scopeOf(r *resource.Resource) string {
	to := slices.Sorted(slices.Values(r.Spec.(*networkingv1alpha3.DestinationRule).GetExportTo()))
	return strings.Join(slices.Compact(to), ",")
}

// InSubset returns the endpoints of a port that a subset takes in: those with all its labels.
func (p ServicePort) InSubset(subset *networkingv1alpha3.Subset) []Endpoint {
	var out []Endpoint
	for _, e := range p.Endpoints {
		if matches(e.Labels, subset.GetLabels()) {
			out = append(out, e)
		}
	}
	return out
}
