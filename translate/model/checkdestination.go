package model

import (
	"slices"
	"strconv"
	"strings"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// destinationRules warns of DestinationRules that are for no service, and of subsets that take in
// no endpoint.
func (c destinationChecks) destinationRules() diag.List {
	var out diag.List
	for _, hosts := range c.rules {
		for host, rules := range hosts {
			services := c.services.within(host)
			out = append(append(out, overruled(rules)...), shadowedByExportTo(rules)...)
			for _, r := range rules {
				if len(services) == 0 && c.settings.Broken.service() {
					continue
				}
				if len(services) == 0 {
					out = append(out, diagnosticAt(diag.CodeRuleUnused, r, resource.Path{"spec", "host"}, "no service defines the host %s, so the DestinationRule has no effect", host).
						WithHint("the host of a service, or the Service or ServiceEntry that is missing"))
					continue
				}
				out = append(out, c.emptySubsets(r, services)...)
			}
		}
	}
	return out
}

// overruled warns of what a later DestinationRule for the same host says in vain: a policy
// for the whole host where an older one has one, and a subset of a name that an older one has.
func overruled(rules []*resource.Resource) diag.List {
	var out diag.List
	var policy *resource.Resource
	subsets := map[string]*resource.Resource{}
	for _, r := range rules {
		spec := r.Spec.(*networkingv1alpha3.DestinationRule)
		if spec.GetWorkloadSelector() != nil || len(spec.GetExportTo()) > 0 {
			// They may be for different gateways.
			continue
		}
		if policy != nil && spec.GetTrafficPolicy() != nil {
			out = append(out, diagnosticAt(diag.CodeRuleTwice, r, resource.Path{"spec", "trafficPolicy"}, "%s has a trafficPolicy for %s too and counts, so this one has no effect", policy.Key, spec.GetHost()).
				WithHint("one DestinationRule for a host's trafficPolicy"))
		} else if spec.GetTrafficPolicy() != nil {
			policy = r
		}
		for i, s := range spec.GetSubsets() {
			if first := subsets[s.GetName()]; first != nil && first != r {
				out = append(out, diagnosticAt(diag.CodeSubsetTwice, r, resource.Path{"spec", "subsets", i, "name"}, "%s has a subset %q too and counts", first.Key, s.GetName()).
					WithHint("give each subset of the host its own name"))
			} else {
				subsets[s.GetName()] = r
			}
		}
	}
	return out
}

// shadowedByExportTo warns of a DestinationRule that does not count where others for the same host are
// seen too, because their exportTo is another and came up after its own (ofOneScope).
func shadowedByExportTo(rules []*resource.Resource) diag.List {
	rules = slices.DeleteFunc(slices.Clone(rules), func(r *resource.Resource) bool {
		return r.Spec.(*networkingv1alpha3.DestinationRule).GetWorkloadSelector() != nil
	})
	firsts := firstOfEachScope(rules)
	var out diag.List
	for _, r := range rules {
		later := firsts[slices.IndexFunc(firsts, func(o *resource.Resource) bool { return scopeOf(o) == scopeOf(r) })+1:]
		if i := slices.IndexFunc(later, func(o *resource.Resource) bool { return seenTogether(r, o) }); i >= 0 {
			spec, effect := r.Spec.(*networkingv1alpha3.DestinationRule), ""
			if resource.SpeaksTLS(spec.GetTrafficPolicy().GetTls()) && !resource.SpeaksTLS(later[i].Spec.(*networkingv1alpha3.DestinationRule).GetTrafficPolicy().GetTls()) {
				effect = ", and so speak to the host in plain text"
			}
			out = append(out, diagnosticAt(diag.CodeRuleScopes, r, resource.Path{"spec"}, "%s is for %s too and has another exportTo: gateways that see both take nothing of this one%s", later[i].Key, spec.GetHost(), effect).
				WithHint("the same exportTo in both, which puts them together, or namespaces that do not overlap"))
		}
	}
	return out
}

// firstOfEachScope returns the first of the rules with each exportTo, in their order.
func firstOfEachScope(rules []*resource.Resource) []*resource.Resource {
	var out []*resource.Resource
	for _, r := range rules {
		if !slices.ContainsFunc(out, func(o *resource.Resource) bool { return scopeOf(o) == scopeOf(r) }) {
			out = append(out, r)
		}
	}
	return out
}

// seenTogether reports whether a gateway can see both of two rules of one namespace.
func seenTogether(a, b *resource.Resource) bool {
	to := func(r *resource.Resource) []string { return r.Spec.(*networkingv1alpha3.DestinationRule).GetExportTo() }
	everybody := func(to []string) bool { return len(to) == 0 || slices.Contains(to, "*") }
	if everybody(to(a)) || everybody(to(b)) {
		return !slices.Contains(to(a), "~") && !slices.Contains(to(b), "~")
	}
	return slices.ContainsFunc(to(a), func(ns string) bool {
		return ns != "~" && (slices.Contains(to(b), ns) || ns == a.Namespace && slices.Contains(to(b), ".") || ns == "." && slices.Contains(to(b), a.Namespace))
	})
}

// within returns the definitions whose hosts a host of a DestinationRule contains.
func (r *registry) within(host Host) []definition {
	if !host.Wildcard() {
		return r.of(host)
	}
	var out []definition
	for _, d := range r.definitions {
		if d.Host.within(host) {
			out = append(out, d)
		}
	}
	return out
}

func (c destinationChecks) emptySubsets(r *resource.Resource, services []definition) diag.List {
	if c.settings.Broken.service() || c.settings.Broken.endpoint() {
		return nil
	}
	var out diag.List
	for i, s := range r.Spec.(*networkingv1alpha3.DestinationRule).GetSubsets() {
		some, any := false, false
		for _, d := range services {
			if d.Dynamic() {
				continue
			}
			for _, p := range d.Ports {
				some = some || len(p.Endpoints) > 0
				any = any || len(p.InSubset(s)) > 0
			}
		}
		// Where there are no endpoints at all the service has its own warning.
		if some && !any {
			out = append(out, diagnosticAt(diag.CodeSubsetEmpty, r, resource.Path{"spec", "subsets", i}, "no endpoint of %s has the labels of the subset %s, so routes to it answer 503", services[0].Host, s.GetName()).
				WithHint("labels that endpoints, WorkloadEntries or EndpointSlices have"))
		}
	}
	return out
}

// portsAndSubsets warns of routes to a port or subset that their service does not have.
func (c destinationChecks) portsAndSubsets() diag.List {
	var out diag.List
	for vs, r := range c.boundConnections() {
		for j, d := range r.route {
			out = append(out, c.destination(vs, r.path.Field("route", j, "destination"), d.GetDestination(), "its connections are closed")...)
		}
	}
	for vs, i := range c.boundHTTP() {
		out = append(out, c.httpDestinations(vs, i)...)
	}
	return out
}

func (c destinationChecks) httpDestinations(vs *resource.Resource, index int) diag.List {
	path, r := resource.Path{"spec", "http", index}, httpOf(vs)[index]
	var out diag.List
	for j, d := range r.GetRoute() {
		out = append(out, c.destination(vs, path.Field("route", j, "destination"), d.GetDestination(), "the route answers 503")...)
	}
	for j, d := range resource.Mirrors(r) {
		at := path.Field("mirrors", j, "destination")
		if r.GetMirror() != nil {
			at = path.Field("mirror")
		}
		out = append(out, c.destination(vs, at, d.GetDestination(), "no copies are sent")...)
	}
	return out
}

func (c destinationChecks) destination(vs *resource.Resource, at resource.Path, d *networkingv1alpha3.Destination, effect string) diag.List {
	host := c.settings.resolve(d.GetHost(), vs.Namespace)
	services := c.services.of(host)
	if len(services) == 0 {
		// A host that nothing defines has its own warning.
		return nil
	}
	var out diag.List
	if n := d.GetPort().GetNumber(); n != 0 && !c.settings.Broken.service() && !slices.ContainsFunc(services, func(s definition) bool { _, ok := s.Port(n); return ok }) {
		out = append(out, diagnosticAt(diag.CodeUnknownPort, vs, at.Field("port", "number"), "no service defines the port %d of %s, so %s", n, host, effect).
			WithHint("one of %s", portsOf(services)))
	}
	if name := d.GetSubset(); name != "" && !c.rules.hasSubset(host, name) && !c.settings.Broken.any(resource.DestinationRule) {
		out = append(out, c.unknownSubset(vs, at.Field("subset"), host, name, effect))
	}
	return out
}

// portsOf lists the numbers of a host's ports.
func portsOf(services []definition) string {
	var out []string
	for _, s := range services {
		for _, p := range s.Ports {
			if n := strconv.FormatUint(uint64(p.Number), 10); !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	return strings.Join(out, ", ")
}

// hasSubset reports whether any DestinationRule that can be for a host has a subset.
func (x ruleIndex) hasSubset(host Host, name string) bool {
	for namespace := range x {
		for pattern := range x.patterns(namespace, host) {
			for _, r := range x[namespace][pattern] {
				if slices.ContainsFunc(r.Spec.(*networkingv1alpha3.DestinationRule).GetSubsets(), func(s *networkingv1alpha3.Subset) bool { return s.GetName() == name }) {
					return true
				}
			}
		}
	}
	return false
}
