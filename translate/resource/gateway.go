package resource

import (
	"path"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
)

// gatewayFields are the fields of a Gateway that are translated, and those that have their
// own error.
func gatewayFields() []string {
	out := []string{"selector", "servers.port.number", "servers.port.name", "servers.port.protocol", "servers.port.targetPort", "servers.hosts", "servers.bind", "servers.name", "servers.defaultEndpoint"}
	for _, f := range []string{
		"mode", "httpsRedirect", "serverCertificate", "privateKey", "caCertificates", "caCrl", "credentialName", "credentialNames", "caCertCredentialName",
		"tlsCertificates.serverCertificate", "tlsCertificates.privateKey", "tlsCertificates.caCertificates", "subjectAltNames", "verifyCertificateSpki",
		"verifyCertificateHash", "insecureSkipVerify", "minProtocolVersion", "maxProtocolVersion", "cipherSuites", "ecdhCurves",
	} {
		out = append(out, "servers.tls."+f)
	}
	return out
}

// gatewayChecker checks a Gateway and its servers; their TLS is left to [serverTLSChecker].
type gatewayChecker struct{ valueChecker }

// checkGateway holds a Gateway against Istio's rules and against what is translated. As in
// Istio, a Gateway without a selector is for every workload.
func checkGateway(v valueChecker, m proto.Message) {
	c := gatewayChecker{v}
	spec := m.(*networkingv1alpha3.Gateway)
	c.annotations()
	if !isLabel(c.key.Name) {
		c.add(diag.CodeMetadata, Path{"metadata", "name"}, "%q is not the name of a Gateway", c.key.Name).WithHint(NamespaceForm)
	}
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

func (c gatewayChecker) server(path Path, s *networkingv1alpha3.Server) {
	if s.GetPort() == nil {
		c.addMissing(diag.CodeGateway, path, "%s has no port", path).WithHint("port: {number: 8080, name: http, protocol: HTTP}")
	} else {
		c.serverPort(path, s)
		serverTLSChecker(c).serverTLS(path, s)
	}
	switch b := s.GetBind(); {
	case isUnix(b):
		c.serverSocket(path.Field("bind"), b)
	case b != "" && !isAddress(b):
		c.add(diag.CodeGateway, path.Field("bind"), "%q is not an IP address", b).WithHint("for example 127.0.0.1, or unix:///path with the port number 0")
	}
	if s.GetDefaultEndpoint() != "" {
		at := path.Field("defaultEndpoint")
		c.add(diag.CodeIgnoredField, at, "%s is ignored, as in Istio: a gateway sends requests where VirtualServices say", at).WithHint("leave it out")
	}
	if len(s.GetHosts()) == 0 {
		c.addMissing(diag.CodeGateway, path, "%s has no hosts", path).WithHint(`hosts: ["*"] serves every host`)
	}
	for i, h := range s.GetHosts() {
		c.serverHost(path.Field("hosts", i), h)
	}
}

func (c gatewayChecker) serverPort(server Path, s *networkingv1alpha3.Server) {
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
	if at := path.Field("targetPort"); c.written(at) {
		c.addKey(diag.CodeGateway, at, "%s is not allowed, as in Istio: a server listens on port.number, and the VirtualService says where requests go", at).WithHint("leave it out")
	}
	if port.GetName() == "" {
		c.addMissing(diag.CodeGateway, path, "%s has no name", path).WithHint("for example name: http")
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

// serverHost checks host or namespace/host, where the namespace may be * or "." too. A name
// without a dot is refused: as one of a Kubernetes service it would be completed, and no
// client asks for that.
func (c gatewayChecker) serverHost(path Path, written string) {
	host := written
	if namespace, rest, qualified := strings.Cut(written, "/"); qualified {
		if host = rest; namespace != "*" && namespace != "." && !isLabel(namespace) {
			c.add(diag.CodeHost, path, "%q is not a namespace", namespace).WithHint("a namespace, * for all of them or . for the Gateway's own")
			return
		}
	}
	switch {
	case isAddress(host) && strings.Contains(host, "."):
	case !isHost(host) || partialWildcard(host):
		c.add(diag.CodeHost, path, "%q is not a host that a server can have", host).WithHint("a host name, *.domain or *")
	case host != "*" && !strings.Contains(host, "."):
		c.add(diag.CodeHost, path, "%q is a short name, which a server cannot have", host).WithHint("the whole name that clients ask for, such as %s.example.com", host)
	}
}

// serverSocket checks the unix socket that a server listens on. A path has one spelling only:
// with two, one listener would take the socket of another away.
func (c gatewayChecker) serverSocket(at Path, address string) {
	before := len(c.diags)
	c.unix(at, diag.CodeGateway, address)
	name := strings.TrimPrefix(address, unixPrefix)
	if len(c.diags) == before && name[0] == '/' && path.Clean(name) != name {
		c.add(diag.CodeGateway, at, "%q is not the shortest way to write that path", address).WithHint("%s%s", unixPrefix, path.Clean(name))
	}
}
