package resource

import (
	"regexp"

	"google.golang.org/protobuf/proto"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/internal/diag"
)

func checkVirtualService(c *checker, m proto.Message) {
	spec := m.(*networkingv1alpha3.VirtualService)
	c.supported(spec, "hosts", "gateways", "exportTo", "http.name", "http.match.name", "http.match.uri", "http.match.ignoreUriCase",
		"http.route.destination.host", "http.route.destination.port", "http.route.weight", "http.directResponse")
	if len(spec.GetHosts()) == 0 {
		c.add(diag.CodeVirtualService, Path{"spec"}, "the VirtualService has no hosts").WithHint(`hosts: ["*"] takes every host of the gateway`)
	}
	for i, h := range spec.GetHosts() {
		c.host(Path{"spec", "hosts", i}, h)
	}
	for i, r := range spec.GetHttp() {
		c.httpRoute(Path{"spec", "http", i}, r)
	}
}

func (c *checker) httpRoute(path Path, r *networkingv1alpha3.HTTPRoute) {
	if (len(r.GetRoute()) > 0) == (r.GetDirectResponse() != nil) {
		c.add(diag.CodeVirtualService, path, "an HTTP route needs either route or directResponse").WithHint("set one of them")
	}
	for i, match := range r.GetMatch() {
		if re, ok := match.GetUri().GetMatchType().(*networkingv1alpha3.StringMatch_Regex); ok {
			if _, err := regexp.Compile(re.Regex); err != nil {
				c.add(diag.CodeVirtualService, path.Field("match", i, "uri", "regex"), "%q is not a regular expression: %v", re.Regex, err).WithHint("RE2 syntax")
			}
		}
		c.uriNotEmpty(path.Field("match", i, "uri"), match.GetUri())
	}
	if d := r.GetDirectResponse(); d != nil && (d.GetStatus() < 200 || d.GetStatus() > 599) {
		c.add(diag.CodeVirtualService, path.Field("directResponse", "status"), "%d is not a status that can be answered", d.GetStatus()).WithHint("200 to 599")
	}
	c.weights(path, r.GetRoute())
}

func (c *checker) uriNotEmpty(path Path, uri *networkingv1alpha3.StringMatch) {
	if uri == nil {
		return
	}
	if uri.GetExact()+uri.GetPrefix()+uri.GetRegex() == "" {
		c.add(diag.CodeVirtualService, path, "the uri match is empty").WithHint("exact, prefix or regex with a value")
	}
}

func (c *checker) weights(path Path, routes []*networkingv1alpha3.HTTPRouteDestination) {
	var total int64
	for i, d := range routes {
		at := path.Field("route", i)
		if d.GetDestination().GetHost() == "" {
			c.add(diag.CodeVirtualService, at.Field("destination", "host"), "the destination has no host").WithHint("the host of a ServiceEntry")
		} else {
			c.host(at.Field("destination", "host"), d.GetDestination().GetHost())
		}
		if d.GetWeight() < 0 {
			c.add(diag.CodeVirtualService, at.Field("weight"), "the weight is negative").WithHint("0 or more")
		}
		if p := d.GetDestination().GetPort(); p != nil && (p.GetNumber() == 0 || p.GetNumber() > 65535) {
			c.add(diag.CodePort, at.Field("destination", "port", "number"), "%d is not a port", p.GetNumber()).WithHint("1 to 65535")
		}
		total += int64(d.GetWeight())
	}
	if len(routes) > 1 && (total == 0 || total > 1<<32-1) {
		c.add(diag.CodeVirtualService, path.Field("route"), "the weights add up to %d", total).WithHint("1 to 4294967295")
	}
}
