package resource

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/internal/diag"
)

// gatewayFields are the fields of a Gateway that are translated.
func gatewayFields() []string {
	out := []string{"selector", "servers.port.number", "servers.port.name", "servers.port.protocol", "servers.hosts", "servers.bind", "servers.name"}
	for _, f := range []string{
		"mode", "httpsRedirect", "serverCertificate", "privateKey", "caCertificates", "caCrl", "credentialName", "credentialNames", "caCertCredentialName",
		"tlsCertificates.serverCertificate", "tlsCertificates.privateKey", "tlsCertificates.caCertificates", "subjectAltNames", "verifyCertificateSpki",
		"verifyCertificateHash", "insecureSkipVerify", "minProtocolVersion", "maxProtocolVersion", "cipherSuites", "ecdhCurves",
	} {
		out = append(out, "servers.tls."+f)
	}
	return out
}

// checkGateway holds a Gateway against Istio's rules and against what is translated. As in
// Istio, a Gateway without a selector is for every workload.
func checkGateway(c *checker, m proto.Message) {
	spec := m.(*networkingv1alpha3.Gateway)
	c.supported(spec, gatewayFields())
	c.labels(Path{"spec", "selector"}, spec.GetSelector())
	if len(spec.GetServers()) == 0 {
		c.addMissing(diag.CodeGateway, Path{"spec"}, "the Gateway has no servers").WithHint("add a server with a port and hosts")
	}
	names := map[string]int{}
	for i, s := range spec.GetServers() {
		path := Path{"spec", "servers", i}
		c.server(path, s)
		name := s.GetPort().GetName()
		if first, again := names[name]; again && name != "" {
			c.add(diag.CodeGateway, path.Field("port", "name"), "the port of servers[%d] is named %q too", first, name).WithHint("give each server's port its own name")
			continue
		}
		names[name] = i
	}
}

func (c *checker) server(path Path, s *networkingv1alpha3.Server) {
	if s.GetPort() == nil {
		c.addMissing(diag.CodeGateway, path, "%s has no port", path).WithHint("port: {number: 8080, name: http, protocol: HTTP}")
	} else {
		c.serverPort(path, s)
		c.serverTLS(path, s)
	}
	switch b := s.GetBind(); {
	case isUnix(b):
		c.serverSocket(path.Field("bind"), b)
	case b != "" && !isAddress(b):
		c.add(diag.CodeGateway, path.Field("bind"), "%q is not an IP address", b).WithHint("for example 127.0.0.1, or unix:///path with the port number 0")
	}
	if len(s.GetHosts()) == 0 {
		c.addMissing(diag.CodeGateway, path, "%s has no hosts", path).WithHint(`hosts: ["*"] serves every host`)
	}
	for i, h := range s.GetHosts() {
		c.serverHost(path.Field("hosts", i), h)
		if _, name, _ := strings.Cut(h, "/"); tlsProtocol(s.GetPort()) && (partialWildcard(h) || partialWildcard(name)) {
			c.add(diag.CodeHost, path.Field("hosts", i), "%q is not a name that TLS connections can be told by", h).WithHint("a host name, *.domain or *")
		}
	}
}

// partialWildcard reports a host such as *-a.example, which Envoy does not take as the name
// of a TLS connection.
func partialWildcard(host string) bool { return strings.HasPrefix(host, "*-") }

func (c *checker) serverPort(server Path, s *networkingv1alpha3.Server) {
	path, port := server.Field("port"), s.GetPort()
	switch {
	case isUnix(s.GetBind()):
		if n := port.GetNumber(); n != 0 {
			c.add(diag.CodePort, path.Field("number"), "a server on a unix socket has no port, but its number is %d", n).WithHint("number: 0")
		}
	case port.GetNumber() == 0 && !c.written(path.Field("number")):
		c.addMissing(diag.CodePort, path, "%s has no number", path).WithHint("1 to 65535")
	default:
		c.portNumber(path.Field("number"), port.GetNumber())
	}
	switch name := port.GetName(); {
	case name == "":
		c.addMissing(diag.CodeGateway, path, "%s has no name", path).WithHint("for example name: http")
	case !isLabel(name):
		c.add(diag.CodeGateway, path.Field("name"), "%q is not the name of a port", name).WithHint("lower-case letters, digits and -")
	}
	switch protocol := strings.ToUpper(port.GetProtocol()); {
	case slices.Contains(protocols(), protocol) && protocol != "UDP":
	case protocol == "":
		c.addMissing(diag.CodeGateway, path, "%s has no protocol", path).WithHint("%s", servedHint)
	default:
		c.add(diag.CodeGateway, path.Field("protocol"), "%q is not a protocol that a gateway serves", port.GetProtocol()).WithHint("%s", servedHint)
	}
}

const servedHint = "HTTP, HTTPS, HTTP2, GRPC, GRPC-WEB, TLS or TCP; MONGO, MYSQL and REDIS are served as TCP"

// serverHost checks host or namespace/host, where the namespace may be * or "." too.
func (c *checker) serverHost(path Path, written string) {
	namespace, host, qualified := strings.Cut(written, "/")
	if !qualified {
		c.host(path, written)
		return
	}
	if namespace != "*" && namespace != "." && !isLabel(namespace) {
		c.add(diag.CodeHost, path, "%q is not a namespace", namespace).WithHint("a namespace, * for all of them or . for the Gateway's own")
		return
	}
	c.host(path, host)
}
