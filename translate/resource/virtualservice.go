package resource

import (
	"slices"

	"google.golang.org/protobuf/proto"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
)

// virtualServiceFields are the fields of a VirtualService that are translated, or have no
// meaning on a gateway (where a connection goes and who sends it).
func virtualServiceFields() []string {
	out := append([]string{
		"hosts", "gateways", "exportTo", "http.name", "http.timeout",
		"http.match.name", "http.match.statPrefix", "http.match.uri.exact", "http.match.uri.prefix", "http.match.uri.regex", "http.match.ignoreUriCase",
		"http.match.headers", "http.match.withoutHeaders", "http.match.queryParams",
		"http.match.method.exact", "http.match.method.prefix", "http.match.method.regex",
		"http.match.authority.exact", "http.match.authority.prefix", "http.match.authority.regex",
		"http.match.scheme.exact", "http.match.scheme.prefix", "http.match.scheme.regex",
		"http.match.port", "http.match.gateways", "http.match.sourceLabels", "http.match.sourceNamespace",
		"http.directResponse.status", "http.directResponse.body.string", "http.directResponse.body.bytes",
		"http.redirect.uri", "http.redirect.authority", "http.redirect.scheme", "http.redirect.port", "http.redirect.derivePort", "http.redirect.redirectCode", "http.redirect.prefixRewrite",
		"http.delegate.name", "http.delegate.namespace",
		"http.rewrite.uri", "http.rewrite.authority", "http.rewrite.uriRegexRewrite.match", "http.rewrite.uriRegexRewrite.rewrite",
		"http.retries.attempts", "http.retries.perTryTimeout", "http.retries.retryOn", "http.retries.retryRemoteLocalities", "http.retries.retryIgnorePreviousHosts", "http.retries.backoff",
		"http.fault.delay.percent", "http.fault.delay.fixedDelay", "http.fault.delay.exponentialDelay", "http.fault.delay.percentage.value",
		"http.fault.abort.httpStatus", "http.fault.abort.grpcStatus", "http.fault.abort.http2Error", "http.fault.abort.percentage.value",
		"http.mirrorPercent", "http.mirrorPercentage.value", "http.mirrors.percentage.value",
		"http.corsPolicy.allowOrigin", "http.corsPolicy.allowOrigins.exact", "http.corsPolicy.allowOrigins.prefix", "http.corsPolicy.allowOrigins.regex",
		"http.corsPolicy.allowMethods", "http.corsPolicy.allowHeaders", "http.corsPolicy.exposeHeaders", "http.corsPolicy.maxAge", "http.corsPolicy.allowCredentials", "http.corsPolicy.unmatchedPreflights",
		"tls.match.sniHosts", "tls.match.port", "tls.match.gateways", "tls.match.destinationSubnets", "tls.match.sourceLabels", "tls.match.sourceNamespace",
		"tcp.match.port", "tcp.match.gateways", "tcp.match.destinationSubnets", "tcp.match.sourceSubnet", "tcp.match.sourceLabels", "tcp.match.sourceNamespace",
	}, destinationFields("http.mirror", "http.mirrors.destination")...)
	for _, route := range []string{"http.route", "tls.route", "tcp.route"} {
		out = append(append(out, route+".weight"), destinationFields(route+".destination")...)
	}
	for _, of := range []string{"http.headers", "http.route.headers"} {
		for _, operation := range []string{"set", "add", "remove"} {
			out = append(out, of+".request."+operation, of+".response."+operation)
		}
	}
	return out
}

func destinationFields(at ...string) []string {
	var out []string
	for _, d := range at {
		out = append(out, d+".host", d+".subset", d+".port.number")
	}
	return out
}

// virtualServiceChecker checks a VirtualService as a whole; its routes are left to
// [httpRouteChecker] and [connectionRouteChecker].
type virtualServiceChecker struct{ valueChecker }

// checkVirtualService holds a VirtualService against Istio's rules and against what is translated.
func checkVirtualService(v valueChecker, m proto.Message) {
	c := virtualServiceChecker{v}
	spec := m.(*networkingv1alpha3.VirtualService)
	c.annotations()
	c.routedHosts(spec)
	for i, g := range spec.GetGateways() {
		c.gatewayName(Path{"spec", "gateways", i}, g)
	}
	c.exportTo(spec.GetExportTo())
	if len(spec.GetHttp())+len(spec.GetTls())+len(spec.GetTcp()) == 0 {
		c.addMissing(diag.CodeVirtualService, Path{"spec"}, "the VirtualService has no routes").WithHint("add http with a route or a directResponse, or tls or tcp with a route")
	}
	for i, r := range spec.GetHttp() {
		httpRouteChecker(c).httpRoute(Path{"spec", "http", i}, r, spec)
	}
	for i, r := range spec.GetTls() {
		connectionRouteChecker(c).tlsRoute(Path{"spec", "tls", i}, r, spec.GetHosts())
	}
	for i, r := range spec.GetTcp() {
		connectionRouteChecker(c).tcpRoute(Path{"spec", "tcp", i}, r)
	}
	c.unreachable(spec.GetHttp())
	c.unreachableConnections(spec)
}

func (c virtualServiceChecker) routedHosts(spec *networkingv1alpha3.VirtualService) {
	hosts := spec.GetHosts()
	if len(hosts) == 0 {
		c.asDelegate(spec)
	}
	mesh := len(spec.GetGateways()) == 0 || slices.Contains(spec.GetGateways(), MeshGateway)
	for i, h := range hosts {
		path := Path{"spec", "hosts", i}
		if !isHost(h) && !isAddress(h) {
			c.host(path, h)
			continue
		}
		if h == "*" && mesh {
			c.add(diag.CodeVirtualService, path, "the host * is not possible in the mesh").WithHint("name a Gateway in spec.gateways, and not mesh")
		}
		for j, other := range hosts[:i] {
			if covers(h, other) || covers(other, h) {
				c.add(diag.CodeVirtualService, path, "the host %q overlaps with hosts[%d] %q", h, j, other).WithHint("keep the wider one, or use two VirtualServices")
				break
			}
		}
	}
}
