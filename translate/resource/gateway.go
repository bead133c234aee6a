package resource

import (
	"net/netip"
	"strings"

	"google.golang.org/protobuf/proto"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/internal/diag"
)

func checkGateway(c *checker, m proto.Message) {
	spec := m.(*networkingv1alpha3.Gateway)
	c.supported(spec, "selector", "servers.port.number", "servers.port.name", "servers.port.protocol", "servers.hosts", "servers.bind", "servers.name")
	c.labels(Path{"spec", "selector"}, spec.GetSelector())
	if len(spec.GetServers()) == 0 {
		c.add(diag.CodeGateway, Path{"spec"}, "the Gateway has no servers").WithHint("add a server with a port and hosts")
	}
	names := map[string]bool{}
	for i, s := range spec.GetServers() {
		path := Path{"spec", "servers", i}
		c.server(path, s)
		if name := s.GetPort().GetName(); name != "" && names[name] {
			c.add(diag.CodeGateway, path.Field("port", "name"), "the port name %q stands twice", name).WithHint("give each server its own port name")
		} else {
			names[name] = true
		}
	}
}

func (c *checker) server(path Path, s *networkingv1alpha3.Server) {
	port := s.GetPort()
	if n := port.GetNumber(); n == 0 || n > 65535 {
		c.add(diag.CodePort, path.Field("port", "number"), "%d is not a port", n).WithHint("1 to 65535")
	}
	if port.GetName() == "" {
		c.add(diag.CodeGateway, path.Field("port"), "the port has no name").WithHint("for example name: http")
	}
	switch strings.ToUpper(port.GetProtocol()) {
	case "HTTP", "HTTP2", "GRPC", "GRPC-WEB":
	case "HTTPS", "TLS", "TCP", "MONGO", "MYSQL", "REDIS":
		c.add(diag.CodeUnsupported, path.Field("port", "protocol"), "the protocol %s is not translated yet", port.GetProtocol()).WithHint("HTTP, HTTP2 or GRPC")
	default:
		c.add(diag.CodeGateway, path.Field("port", "protocol"), "%q is not a protocol", port.GetProtocol()).WithHint("HTTP, HTTP2 or GRPC")
	}
	if b := s.GetBind(); b != "" {
		if _, err := netip.ParseAddr(b); err != nil {
			c.add(diag.CodeGateway, path.Field("bind"), "%q is not an IP address", b).WithHint("for example 127.0.0.1")
		}
	}
	if len(s.GetHosts()) == 0 {
		c.add(diag.CodeGateway, path, "the server has no hosts").WithHint(`hosts: ["*"] serves every host`)
	}
	for i, h := range s.GetHosts() {
		_, name, ok := strings.Cut(h, "/")
		if !ok {
			name = h
		}
		c.host(path.Field("hosts", i), name)
	}
}

// host accepts a name, "*", or a name with a leading "*.".
func (c *checker) host(path Path, h string) {
	name := strings.ToLower(strings.TrimPrefix(h, "*."))
	if h == "*" || dnsName.MatchString(name) {
		return
	}
	if _, err := netip.ParseAddr(h); err == nil {
		return
	}
	c.add(diag.CodeHost, path, "%q is not a host", h).WithHint("a host name, *.domain or *")
}
