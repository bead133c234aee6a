package resource

import (
	"net/netip"
	"slices"
	"strings"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
)

// connectionRouteChecker checks a route of connections: tcp and tls of a VirtualService.
type connectionRouteChecker struct{ valueChecker }

// tcpRoute checks a route of a plain TCP server.
func (c connectionRouteChecker) tcpRoute(path Path, r *networkingv1alpha3.TCPRoute) {
	for i, m := range r.GetMatch() {
		c.connectionMatch(path.Field("match", i), m)
		if m.GetSourceSubnet() != "" {
			c.ignoredCondition(path.Field("match", i, "sourceSubnet"))
		}
	}
	c.connectionRoute(path, r.GetRoute())
}

// tlsRoute checks a route of a TLS passthrough server. As in Istio it has to name what
// clients ask for, and only hosts of its VirtualService.
func (c connectionRouteChecker) tlsRoute(path Path, r *networkingv1alpha3.TLSRoute, hosts []string) {
	if len(r.GetMatch()) == 0 {
		c.addMissing(diag.CodeServerName, path, "%s has no match", path).WithHint("match: [{sniHosts: [name]}]")
	}
	for i, m := range r.GetMatch() {
		at := path.Field("match", i)
		c.connectionMatch(at, m)
		if len(m.GetSniHosts()) == 0 {
			c.addMissing(diag.CodeServerName, at, "%s has no sniHosts", at).WithHint("sniHosts: [name]")
		}
		for j, name := range m.GetSniHosts() {
			c.sniHost(at.Field("sniHosts", j), name, hosts)
		}
	}
	c.connectionRoute(path, r.GetRoute())
}

func (c connectionRouteChecker) sniHost(path Path, name string, hosts []string) {
	switch {
	case isAddress(name):
		c.add(diag.CodeRouteIneffective, path, "clients ask for names and never for an address, so nothing matches %s", name).WithHint("a host name, *.domain or *")
	case !isHost(name) || partialWildcard(name):
		c.add(diag.CodeHost, path, "%q is not a name that TLS connections can be told by", name).WithHint("a host name, *.domain or *")
	case !slices.ContainsFunc(hosts, func(h string) bool { return covers(h, name) }):
		c.add(diag.CodeServerName, path, "%q is not among the hosts of the VirtualService", name).WithHint("one of %s", strings.Join(hosts, ", "))
	}
}

// connectionCondition is what a match of a TLS route and one of a TCP route both have.
type connectionCondition interface {
	GetPort() uint32
	GetGateways() []string
	GetDestinationSubnets() []string
	GetSourceLabels() map[string]string
	GetSourceNamespace() string
}

// connectionMatch checks a match. On a gateway, Istio does not look at where a connection
// goes or which workload sends it; the findings say so.
func (c connectionRouteChecker) connectionMatch(path Path, m connectionCondition) {
	if m.GetPort() != 0 {
		c.portNumber(path.Field("port"), m.GetPort())
	}
	c.workloadLabels(path.Field("sourceLabels"), m.GetSourceLabels())
	for i, g := range m.GetGateways() {
		c.gatewayName(path.Field("gateways", i), g)
	}
	for i, subnet := range m.GetDestinationSubnets() {
		if _, err := netip.ParsePrefix(subnet); err != nil && !isAddress(subnet) {
			c.add(diag.CodeAddress, path.Field("destinationSubnets", i), "%q is neither an IP address nor a block", subnet).WithHint("for example 10.1.2.3 or 10.0.0.0/8")
		}
	}
	for _, ignored := range []struct {
		field string
		there bool
	}{
		{"destinationSubnets", len(m.GetDestinationSubnets()) > 0}, {"sourceLabels", len(m.GetSourceLabels()) > 0}, {"sourceNamespace", m.GetSourceNamespace() != ""},
	} {
		if ignored.there {
			c.ignoredCondition(path.Field(ignored.field))
		}
	}
}

func (c connectionRouteChecker) ignoredCondition(path Path) {
	c.addKey(diag.CodeIgnoredField, path, "%s is ignored: on a gateway the route takes the connection whatever it says", path).
		WithHint("leave it out; port and gateways choose the server, and an AuthorizationPolicy chooses who may connect")
}

func (c connectionRouteChecker) connectionRoute(path Path, routes []*networkingv1alpha3.RouteDestination) {
	if len(routes) == 0 {
		c.addMissing(diag.CodeVirtualService, path, "%s has no route", path).WithHint("add route: [{destination: {host: …}}]")
	}
	weights(c.valueChecker, path, routes)
}
