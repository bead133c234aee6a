package resource

import (
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/internal/diag"
)

// virtualServiceFields are the fields of a VirtualService that are translated, or have no
// meaning on a gateway (where a connection goes and who sends it).
func virtualServiceFields() []string {
	return []string{
		"hosts", "gateways", "exportTo", "http.name",
		"http.match.name", "http.match.uri.exact", "http.match.uri.prefix", "http.match.uri.regex", "http.match.ignoreUriCase",
		"http.route.destination.host", "http.route.destination.port.number", "http.route.destination.subset", "http.route.weight",
		"http.directResponse.status", "http.directResponse.body.string", "http.directResponse.body.bytes",
		"tls.match.sniHosts", "tls.match.port", "tls.match.gateways", "tls.match.destinationSubnets", "tls.match.sourceLabels", "tls.match.sourceNamespace",
		"tls.route.destination.host", "tls.route.destination.port.number", "tls.route.destination.subset", "tls.route.weight",
		"tcp.match.port", "tcp.match.gateways", "tcp.match.destinationSubnets", "tcp.match.sourceLabels", "tcp.match.sourceNamespace",
		"tcp.route.destination.host", "tcp.route.destination.port.number", "tcp.route.destination.subset", "tcp.route.weight",
	}
}

// checkVirtualService holds a VirtualService against Istio's rules and against what is translated.
func checkVirtualService(c *checker, m proto.Message) {
	spec := m.(*networkingv1alpha3.VirtualService)
	c.supported(spec, virtualServiceFields())
	c.routedHosts(spec)
	for i, g := range spec.GetGateways() {
		c.gatewayName(Path{"spec", "gateways", i}, g)
	}
	c.exportTo(spec.GetExportTo())
	if len(spec.GetHttp())+len(spec.GetTls())+len(spec.GetTcp()) == 0 {
		c.addMissing(diag.CodeVirtualService, Path{"spec"}, "the VirtualService has no routes").WithHint("add http with a route or a directResponse, or tls or tcp with a route")
	}
	for i, r := range spec.GetHttp() {
		c.httpRoute(Path{"spec", "http", i}, r)
	}
	for i, r := range spec.GetTls() {
		c.tlsRoute(Path{"spec", "tls", i}, r, spec.GetHosts())
	}
	for i, r := range spec.GetTcp() {
		c.tcpRoute(Path{"spec", "tcp", i}, r)
	}
}

func (c *checker) routedHosts(spec *networkingv1alpha3.VirtualService) {
	hosts := spec.GetHosts()
	if len(hosts) == 0 {
		c.addMissing(diag.CodeVirtualService, Path{"spec"}, "the VirtualService has no hosts").WithHint(`hosts: ["*"] takes every host of the gateway`)
	}
	mesh := len(spec.GetGateways()) == 0 || slices.Contains(spec.GetGateways(), meshGateway)
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

// gatewayName checks name, ./name, namespace/name and the older name.namespace.svc.domain.
func (c *checker) gatewayName(path Path, name string) {
	namespace, rest, qualified := strings.Cut(name, "/")
	valid := isObjectName(name)
	if qualified {
		valid = (namespace == "." || isLabel(namespace)) && isObjectName(rest)
	}
	if !valid {
		c.add(diag.CodeVirtualService, path, "%q is not the name of a Gateway", name).WithHint("name, or namespace/name")
	}
}

func (c *checker) httpRoute(path Path, r *networkingv1alpha3.HTTPRoute) {
	direct := r.GetDirectResponse()
	// A redirect or delegate is reported as not translated yet; it needs no route.
	other := r.GetRedirect() != nil || r.GetDelegate() != nil
	switch {
	case len(r.GetRoute()) > 0 && direct != nil:
		c.addKey(diag.CodeVirtualService, path.Field("directResponse"), "%s has both route and directResponse", path).WithHint("keep one of them")
	case len(r.GetRoute()) == 0 && direct == nil && !other:
		c.addMissing(diag.CodeVirtualService, path, "%s has neither route nor directResponse", path).WithHint("add route: [{destination: {host: …}}]")
	}
	for i, match := range r.GetMatch() {
		if match.GetUri() != nil {
			c.uri(path.Field("match", i, "uri"), match.GetUri())
		}
	}
	if direct != nil {
		c.directResponse(path.Field("directResponse"), direct)
	}
	weights(c, path, r.GetRoute())
}

// uri checks a match. Envoy refuses an empty regular expression; the other two would
// match nothing and everything.
func (c *checker) uri(path Path, uri *networkingv1alpha3.StringMatch) {
	switch m := uri.GetMatchType().(type) {
	case *networkingv1alpha3.StringMatch_Exact:
		c.notEmpty(path, "exact", m.Exact)
	case *networkingv1alpha3.StringMatch_Prefix:
		c.notEmpty(path, "prefix", m.Prefix)
	case *networkingv1alpha3.StringMatch_Regex:
		c.notEmpty(path, "regex", m.Regex)
		c.regex(path.Field("regex"), m.Regex)
	default:
		c.addMissing(diag.CodeVirtualService, path, "%s has no exact, prefix or regex", path).WithHint("for example prefix: /api")
	}
}

// maxProgram is the size of a compiled regular expression that a gateway is told to take,
// as Istio's gateways are. Go and Envoy compile to nearly the same program; half of the
// bound leaves room for the difference.
const maxProgram = 32768

func (c *checker) regex(path Path, re string) {
	parsed, err := syntax.Parse(re, syntax.Perl)
	if err != nil {
		c.add(diag.CodeVirtualService, path, "%q is not a regular expression: %v", re, err).WithHint("RE2 syntax: no look-around, no back references")
		return
	}
	if wideEscape(re) {
		c.add(diag.CodeVirtualService, path, "%q has an escape \\x{…} above FF, which Envoy does not read", re).WithHint("write the character itself")
		return
	}
	if program, err := syntax.Compile(parsed.Simplify()); err != nil || len(program.Inst) > maxProgram/2 {
		c.add(diag.CodeVirtualService, path, "the regular expression is too large for Envoy").WithHint("use fewer and smaller repetitions")
	}
}

// wideEscape reports an escape such as \x{1F600}. Envoy matches bytes and not characters,
// and refuses the escape of what is no byte; the character itself stands for its bytes.
func wideEscape(re string) bool {
	for {
		i := strings.IndexByte(re, '\\')
		if i < 0 || i+1 == len(re) {
			return false
		}
		re = re[i+1:]
		switch {
		case re[0] == 'Q':
			_, re, _ = strings.Cut(re, `\E`)
		case strings.HasPrefix(re, "x{"):
			digits, _, _ := strings.Cut(re[2:], "}")
			if n, err := strconv.ParseUint(digits, 16, 32); err == nil && n > 0xFF {
				return true
			}
			re = re[1:]
		default:
			re = re[1:]
		}
	}
}

func (c *checker) notEmpty(path Path, field, value string) {
	if value == "" {
		at := path.Field(field)
		c.add(diag.CodeEmptyValue, at, "%s is empty", at).WithHint("for example %s: /api", field)
	}
}

// maxBody is the size of a direct response that Envoy takes.
const maxBody = 1 << 20

// directResponse checks an answer. Istio lets a status from 100 on pass, which Envoy refuses.
func (c *checker) directResponse(path Path, d *networkingv1alpha3.HTTPDirectResponse) {
	if d.GetStatus() < 200 || d.GetStatus() > 599 {
		c.add(diag.CodeVirtualService, path.Field("status"), "%d is not a status that can be answered", d.GetStatus()).WithHint("200 to 599")
	}
	if n := max(len(d.GetBody().GetString_()), len(d.GetBody().GetBytes())); n > maxBody {
		c.add(diag.CodeVirtualService, path.Field("body"), "the body has %d bytes", n).WithHint("at most 1 MiB")
	}
}

// weighted is a destination of an HTTP, TLS or TCP route.
type weighted interface {
	GetDestination() *networkingv1alpha3.Destination
	GetWeight() int32
}

func weights[D weighted](c *checker, path Path, routes []D) {
	var total int64
	for i, d := range routes {
		at := path.Field("route", i)
		c.destination(at, d.GetDestination())
		if d.GetWeight() < 0 {
			c.add(diag.CodeVirtualService, at.Field("weight"), "the weight %d is negative", d.GetWeight()).WithHint("0 or more")
		}
		total += int64(d.GetWeight())
	}
	if len(routes) > 1 && (total <= 0 || total > 1<<32-1) {
		c.add(diag.CodeVirtualService, path.Field("route"), "the weights of %s add up to %d", path.Field("route"), total).WithHint("give at least one of them a weight")
	}
}

func (c *checker) destination(path Path, d *networkingv1alpha3.Destination) {
	at := path.Field("destination")
	switch host := d.GetHost(); {
	case host == "":
		c.addMissing(diag.CodeVirtualService, c.deepest(path, "destination"), "%s has no host", at).WithHint("the host of a ServiceEntry")
	case host == "*" || !isHost(host):
		c.add(diag.CodeHost, at.Field("host"), "%q is not a host that requests can be sent to", host).WithHint("the host of a ServiceEntry")
	}
	if p := d.GetPort(); p != nil {
		c.portNumber(at.Field("port", "number"), p.GetNumber())
	}
}
