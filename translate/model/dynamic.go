package model

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/internal/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// Dynamic reports a service whose clients name the host that is resolved.
func (s Service) Dynamic() bool {
	return s.Resolution == networkingv1alpha3.ServiceEntry_DYNAMIC_DNS
}

// External reports a service that stands outside of the mesh. Private addresses are none of it.
func (s Service) External() bool {
	entry, ok := s.Origin.Spec.(*networkingv1alpha3.ServiceEntry)
	return !ok || entry.GetLocation() == networkingv1alpha3.ServiceEntry_MESH_EXTERNAL
}

// TargetPort is the port that connections to a dynamic service's port are made to.
func (p ServicePort) TargetPort() uint32 {
	if len(p.Endpoints) == 0 {
		return p.Number
	}
	return p.Endpoints[0].Port
}

// Dynamic returns the service and port that a destination leads to where its clients name what
// is resolved there.
func (v View) Dynamic(d *networkingv1alpha3.Destination, host Host, listenerPort uint32) (Service, ServicePort, bool) {
	s, ok := v.service(host)
	if !ok || !s.Dynamic() {
		return Service{}, ServicePort{}, false
	}
	p, _ := s.Port(v.port(d, host, listenerPort))
	return s, p, true
}

// Authority returns the regular expression of the hosts of requests that may be resolved for a
// port: the names of DNS that the wildcard stands for, without a port or with this one, since
// Envoy connects to a port that the host has.
func (p ServicePort) Authority(host Host) string {
	domain := strings.TrimPrefix(string(host), "*.")
	return `(?i)(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)+` + regexp.QuoteMeta(domain) + `(?::` + strconv.FormatUint(uint64(p.TargetPort()), 10) + `)?`
}

// Resolvable reports whether Authority matches the host of a request. A host of which no
// wildcard can be sure does not.
func (p ServicePort) Resolvable(host Host, authority string) bool {
	if !strings.HasPrefix(string(host), "*.") {
		return false
	}
	re, err := regexp.Compile(`^(?:` + p.Authority(host) + `)$`)
	return err == nil && re.MatchString(authority)
}

// Within reports whether a chain takes names of a host only.
func (c Chain) Within(host Host) bool {
	return len(c.ServerNames) > 0 && !slices.ContainsFunc(c.ServerNames, func(n Host) bool { return n == "*" || !n.within(host) })
}

// checkDynamic warns of routes to dynamic services that cannot be bounded by their wildcard:
// they are not served.
func (m *Model) checkDynamic() diag.List {
	dynamic := map[Host]ServicePort{}
	for _, d := range m.services.definitions {
		if d.Dynamic() && len(d.Ports) > 0 {
			dynamic[d.Host] = d.Ports[0]
		}
	}
	if len(dynamic) == 0 {
		return nil
	}
	var out diag.List
	seen := map[*resource.Resource]bool{}
	for _, routes := range m.routes {
		for _, vs := range routes {
			if !seen[vs] {
				seen[vs] = true
				out = append(out, m.unbounded(vs, dynamic)...)
			}
		}
	}
	return out
}

func (m *Model) unbounded(vs *resource.Resource, dynamic map[Host]ServicePort) diag.List {
	spec := vs.Spec.(*networkingv1alpha3.VirtualService)
	var out diag.List
	add := func(path resource.Path, why, hint string) {
		out = append(out, finding(diag.CodeDynamicUnbounded, vs, path, "%s", why).WithHint("%s", hint))
	}
	for i, r := range spec.GetHttp() {
		at := resource.Path{"spec", "http", i}
		for j, host := range resolved(m.settings, vs.Namespace, r.GetRoute()) {
			port, is := dynamic[host]
			rewritten := r.GetRewrite().GetAuthority()
			switch {
			case !is:
			case len(r.GetRoute()) > 1:
				add(at.Field("route", j, "destination", "host"), "a host with the resolution DYNAMIC_DNS cannot be one of several destinations, so the route answers 503", "a route of its own, with a match of the authority")
			case rewritten != "" && !port.Resolvable(host, rewritten):
				add(at.Field("rewrite", "authority"), rewritten+" is not a name within "+string(host)+", so the route answers 503", "a name that the host stands for")
			}
		}
		for _, host := range resolved(m.settings, vs.Namespace, resource.Mirrors(r)) {
			if _, is := dynamic[host]; is {
				add(at, "copies of requests cannot go to "+string(host)+", which has the resolution DYNAMIC_DNS: none are sent", "another host for copies")
			}
		}
	}
	for i, r := range spec.GetTls() {
		for j, host := range resolved(m.settings, vs.Namespace, r.GetRoute()) {
			if _, is := dynamic[host]; !is {
				continue
			}
			at := resource.Path{"spec", "tls", i}
			if len(r.GetRoute()) > 1 {
				add(at.Field("route", j, "destination", "host"), "a host with the resolution DYNAMIC_DNS cannot be one of several destinations, so its connections are closed", "a route of its own")
			}
			for k, match := range r.GetMatch() {
				for n, name := range match.GetSniHosts() {
					if !Host(strings.ToLower(name)).within(host) {
						add(at.Field("match", k, "sniHosts", n), name+" is not within "+string(host)+", so its connections are closed", "names that the destination's host stands for")
					}
				}
			}
		}
	}
	for i, r := range spec.GetTcp() {
		for j, host := range resolved(m.settings, vs.Namespace, r.GetRoute()) {
			if _, is := dynamic[host]; is {
				add(resource.Path{"spec", "tcp", i, "route", j, "destination", "host"}, "a tcp route has no name that the resolution DYNAMIC_DNS could resolve, so its connections are closed", "a tls route of a server with the mode PASSTHROUGH")
			}
		}
	}
	return out
}
