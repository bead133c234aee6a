package model

import (
	"slices"
	"strings"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// dynamicHosts warns of routes to dynamic services that cannot be bounded by their wildcard:
// they are not served.
func (c destinationChecks) dynamicHosts() diag.List {
	dynamic := map[Host]Service{}
	for _, d := range c.services.definitions {
		if d.Dynamic() && len(d.Ports) > 0 {
			dynamic[d.Host] = d.Service
		}
	}
	if len(dynamic) == 0 {
		return nil
	}
	out := c.idleSettings()
	for vs := range c.bound() {
		out = append(out, c.unboundedConnections(vs, dynamic)...)
	}
	for vs, i := range c.boundHTTP() {
		out = append(out, c.unboundedRequests(vs, resource.Path{"spec", "http", i}, httpOf(vs)[i], dynamic)...)
	}
	return out
}

func (c destinationChecks) unboundedConnections(vs *resource.Resource, dynamic map[Host]Service) diag.List {
	spec := vs.Spec.(*networkingv1alpha3.VirtualService)
	var out diag.List
	for i, r := range spec.GetTls() {
		out = append(out, c.unboundedNames(vs, resource.Path{"spec", "tls", i}, r, dynamic)...)
	}
	for i, r := range spec.GetTcp() {
		for j, host := range resolved(c.settings, vs.Namespace, r.GetRoute()) {
			if _, is := dynamic[host]; is {
				out = append(out, diagnosticAt(diag.CodeDynamicUnbounded, vs, resource.Path{"spec", "tcp", i, "route", j, "destination", "host"},
					"a tcp route has no name that the resolution DYNAMIC_DNS could resolve, so its connections are closed").WithHint("a tls route of a server with the mode PASSTHROUGH"))
			}
		}
	}
	return out
}

func (c destinationChecks) unboundedRequests(vs *resource.Resource, at resource.Path, r *networkingv1alpha3.HTTPRoute, dynamic map[Host]Service) diag.List {
	var out diag.List
	receiving := 0
	for _, d := range r.GetRoute() {
		if Receives(r.GetRoute(), d) {
			receiving++
		}
	}
	for j, host := range resolved(c.settings, vs.Namespace, r.GetRoute()) {
		s, is := dynamic[host]
		switch rewritten := rewrittenHost(r); {
		case !is || !Receives(r.GetRoute(), r.GetRoute()[j]):
		case receiving > 1:
			out = append(out, diagnosticAt(diag.CodeDynamicUnbounded, vs, at.Field("route", j, "destination", "host"),
				"a host with the resolution DYNAMIC_DNS cannot be one of several destinations, so the route answers 503").WithHint("a route of its own, with a match of the authority"))
		case rewritten != "" && !s.targetOf(r.GetRoute()[j].GetDestination()).Resolvable(host, rewritten):
			out = append(out, diagnosticAt(diag.CodeDynamicUnbounded, vs, at.Field("route", j, "destination", "host"),
				"the route rewrites the host to %s, which is not a name within %s, so it answers 503", rewritten, host).WithHint("a name that the destination's host stands for"))
		}
	}
	for _, host := range resolved(c.settings, vs.Namespace, resource.Mirrors(r)) {
		if _, is := dynamic[host]; is {
			out = append(out, diagnosticAt(diag.CodeDynamicUnbounded, vs, at, "copies of requests cannot go to %s, which has the resolution DYNAMIC_DNS: none are sent", host).WithHint("another host for copies"))
		}
	}
	return out
}

// targetOf returns the port that a destination names, or where it names none, or one that is
// not there, the first.
func (s Service) targetOf(d *networkingv1alpha3.Destination) ServicePort {
	if p, ok := s.Port(d.GetPort().GetNumber()); ok {
		return p
	}
	return s.Ports[0]
}

// rewrittenHost returns the host that a route with one destination tells it, or "" for the
// client's own.
func rewrittenHost(r *networkingv1alpha3.HTTPRoute) string {
	if host := r.GetRewrite().GetAuthority(); host != "" {
		return host
	}
	operations := []*networkingv1alpha3.Headers{r.GetHeaders()}
	for _, d := range r.GetRoute() {
		operations = append(operations, d.GetHeaders())
	}
	for _, h := range operations {
		for _, values := range []map[string]string{h.GetRequest().GetSet(), h.GetRequest().GetAdd()} {
			for name, host := range values {
				if resource.IsAuthority(name) {
					return host
				}
			}
		}
	}
	return ""
}

func (c destinationChecks) unboundedNames(vs *resource.Resource, at resource.Path, r *networkingv1alpha3.TLSRoute, dynamic map[Host]Service) diag.List {
	var out diag.List
	for j, host := range resolved(c.settings, vs.Namespace, r.GetRoute()) {
		if _, is := dynamic[host]; !is {
			continue
		}
		if len(r.GetRoute()) > 1 {
			out = append(out, diagnosticAt(diag.CodeDynamicUnbounded, vs, at.Field("route", j, "destination", "host"),
				"a host with the resolution DYNAMIC_DNS cannot be one of several destinations, so its connections are closed").WithHint("a route of its own"))
		}
		for k, match := range r.GetMatch() {
			for n, name := range match.GetSniHosts() {
				if !Host(asked(name)).within(host) {
					out = append(out, diagnosticAt(diag.CodeDynamicUnbounded, vs, at.Field("match", k, "sniHosts", n),
						"%s is not within %s, so its connections are closed", name, host).WithHint("names that the destination's host stands for"))
				}
			}
		}
	}
	return out
}

// idleSettings warns of what a DestinationRule says of a dynamic host in vain.
func (c destinationChecks) idleSettings() diag.List {
	var out diag.List
	for _, hosts := range c.rules {
		for pattern, rules := range hosts {
			for _, d := range c.services.within(pattern) {
				if !d.Dynamic() {
					continue
				}
				for _, r := range rules {
					out = append(out, idleFor(r, d)...)
				}
			}
		}
	}
	return out
}

// idleFor does so of one rule and host: its endpoints are not known, so none is chosen, and
// whose bytes are in TLS already is not spoken to in TLS.
func idleFor(r *resource.Resource, d definition) diag.List {
	var out diag.List
	spec := r.Spec.(*networkingv1alpha3.DestinationRule)
	if spec.GetTrafficPolicy().GetLoadBalancer() != nil {
		out = append(out, diagnosticAt(diag.CodeIgnoredField, r, resource.Path{"spec", "trafficPolicy", "loadBalancer"},
			"the loadBalancer has no effect on %s, whose addresses come with the name that a client says", d.Host).WithHint("leave it out"))
	}
	i := slices.IndexFunc(d.Ports, func(p ServicePort) bool { return strings.EqualFold(p.Protocol, "TLS") })
	if i >= 0 && resource.SpeaksTLS(merged([]*resource.Resource{r}).Policy(d.Ports[i].Number, "").GetTls()) {
		out = append(out, diagnosticAt(diag.CodeDynamicUnbounded, r, resource.Path{"spec", "trafficPolicy"},
			"port %d of %s forwards TLS of clients and cannot speak TLS itself, so its connections are closed", d.Ports[i].Number, d.Host).WithHint("portLevelSettings for the other ports alone"))
	}
	return out
}
