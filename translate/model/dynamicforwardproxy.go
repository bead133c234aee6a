package model

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"
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
