package model

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/resource"
)

// Port is one address and port that a gateway opens. All HTTP servers of all its Gateway
// resources on that port share it, and so do all HTTPS and TLS servers.
type Port struct {
	// Bind is the address, or empty for every IPv4 address.
	Bind   string
	Number uint32
	// Gateways are the Gateway resources with a server on this port, oldest first.
	Gateways []*resource.Resource
	// Traffic is what the servers on this port take in: HTTP, TCP, or one of the kinds of TLS,
	// which may stand beside each other.
	Traffic Traffic
	// Hosts are the virtual hosts of an HTTP port or HTTPS server, ordered by name. Without
	// any, it answers 404.
	Hosts []VirtualHost
	// Misdirected are those of an HTTPS server for requests that belong to another server of
	// the port, beside Hosts.
	Misdirected []VirtualHost
	// Chains are the ways of a TCP or TLS port, ordered by server name. Without any, the port
	// stays closed.
	Chains []Chain
	// Server names an HTTPS server in statistics and as the owner of its routes; it is nil
	// where the routes are those of a whole port.
	Server *ServerName
	// GRPCWeb says that requests of gRPC-Web are translated for backends that speak gRPC.
	GRPCWeb bool
}

// TakesConnections reports whether the requests of some way of the port are not read. It fails open to say so of none where there
// is one: no filter of policy would stand there.
func (p Port) TakesConnections() bool {
	return slices.ContainsFunc(p.Chains, func(c Chain) bool { return c.HTTP == nil })
}

// ServerName is what a Gateway calls one of its servers.
type ServerName struct {
	// Name is the server's own name, which may be empty.
	Name string
	// Port is the name of the server's port, Gateway and Namespace are the Gateway's.
	Port, Gateway, Namespace string
}

// Routes returns the name of the server's routes, as Istio forms it. The name of a Gateway can
// have dots, so that two servers can come to one name: Build reports them.
func (n ServerName) Routes(bind string, number uint32) string {
	out := fmt.Sprintf("https.%d.%s.%s.%s", number, n.Port, n.Gateway, n.Namespace)
	if bind == "" {
		return out
	}
	return out + "." + bind
}

// name returns what a server is called.
func (s server) name() ServerName {
	return ServerName{Name: s.spec.GetName(), Port: s.spec.GetPort().GetName(), Gateway: s.gateway.Name, Namespace: s.gateway.Namespace}
}

// server is one server of a Gateway resource.
type server struct {
	gateway *resource.Resource
	// index is its place in the Gateway.
	index int
	spec  *networkingv1alpha3.Server
}

// key is the Gateway's "namespace/name".
func (s server) key() string { return s.gateway.Namespace + "/" + s.gateway.Name }

type address struct {
	bind   string
	number uint32
}

// ports returns the ports that the Gateway resources of any namespace open on a gateway
// that they select, and the secrets that these need, by name.
func (m *Model) ports(g Gateway) ([]Port, map[string]Secret) {
	servers := m.servers(func(gateway *networkingv1alpha3.Gateway) bool { return g.Selected(gateway.GetSelector()) })
	out := make([]Port, 0, len(servers))
	secrets := map[string]Secret{}
	for at, all := range servers {
		on := sharingPort(all, m.settings)
		p := Port{Bind: at.bind, Number: at.number, Gateways: gatewaysOf(on), Traffic: on[0].traffic()}
		if p.Traffic == HTTP {
			p.Hosts = collapsed(m.redirecting(g, on, m.virtualHosts(g, on)))
			p.GRPCWeb = slices.ContainsFunc(on, server.grpcWeb)
		} else {
			p.Chains = m.chains(g, p, all, secrets)
		}
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b Port) int {
		return cmp.Or(strings.Compare(a.Bind, b.Bind), cmp.Compare(a.Number, b.Number))
	})
	return out, secrets
}

func (s server) grpcWeb() bool { return strings.EqualFold(s.spec.GetPort().GetProtocol(), "GRPC-WEB") }

// servers returns the servers of the Gateways that are asked for by address, those of older
// Gateways first.
func (m *Model) servers(of func(*networkingv1alpha3.Gateway) bool) map[address][]server {
	out := map[address][]server{}
	for _, gateway := range m.gateways {
		spec := gateway.Spec.(*networkingv1alpha3.Gateway)
		if !of(spec) {
			continue
		}
		for i, spec := range spec.GetServers() {
			s := server{gateway, i, spec}
			out[s.at()] = append(out[s.at()], s)
		}
	}
	return out
}

// at is the address that a server listens on.
func (s server) at() address { return address{boundTo(s.spec.GetBind()), s.spec.GetPort().GetNumber()} }

// boundTo returns an address in one of the ways to write it, and "" for every IPv4 address.
func boundTo(bind string) string {
	switch a, err := netip.ParseAddr(bind); {
	case err != nil:
		return bind
	case a.Unmap() == netip.IPv4Unspecified():
		return ""
	default:
		return a.Unmap().String()
	}
}

func gatewaysOf(servers []server) []*resource.Resource {
	var out []*resource.Resource
	for _, s := range servers {
		if !slices.Contains(out, s.gateway) {
			out = append(out, s.gateway)
		}
	}
	return out
}

// serverHost is a host of a server, "[namespace/]host": the namespace limits the
// VirtualServices that may serve it.
type serverHost struct {
	namespace string // "*" for every namespace
	host      Host
	// asked is the name that clients ask for by TLS: a short one is not completed.
	asked Host
}

func (s server) hosts(settings Settings) []serverHost {
	out := make([]serverHost, 0, len(s.spec.GetHosts()))
	for _, written := range s.spec.GetHosts() {
		namespace, name, qualified := strings.Cut(written, "/")
		switch {
		case !qualified:
			namespace, name = "*", written
		case namespace == ".":
			namespace = s.gateway.Namespace
		}
		out = append(out, serverHost{namespace, settings.served(name, s.gateway.Namespace), Host(asked(name))})
	}
	return out
}

// gatewayNames returns the Gateways, "namespace/name", that a VirtualService names. Without
// any it belongs to the mesh and to no gateway.
func gatewayNames(vs *networkingv1alpha3.VirtualService, namespace string) []string {
	var out []string
	for _, written := range vs.GetGateways() {
		if name := gatewayName(written, namespace); name != resource.MeshGateway && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// gatewayName resolves the forms name, ./name, namespace/name and the older ones
// name.namespace and name.namespace.svc.domain, of which as in Istio only the first two parts
// count: the name of a Gateway with a dot needs its namespace before it.
func gatewayName(written, namespace string) string {
	if written == resource.MeshGateway {
		return written
	}
	if ns, name, qualified := strings.Cut(written, "/"); qualified {
		if ns == "." {
			ns = namespace
		}
		return ns + "/" + name
	}
	if name, rest, older := strings.Cut(written, "."); older {
		ns, _, _ := strings.Cut(rest, ".")
		return ns + "/" + name
	}
	return namespace + "/" + written
}
