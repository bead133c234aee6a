package explain

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// listener is a listener, made ready.
type listener struct {
	name string
	// address is where it takes connections in; of a Unix socket only the port is valid.
	address netip.Addr
	port    uint32
	// inspects says that it reads the name that a TLS client asks for; proxied that each connection
	// has to begin with the header of the PROXY protocol.
	inspects, proxied bool
	chains            []*chain
}

// chain is a filter chain, made ready.
type chain struct {
	name        string
	index       int
	serverNames []string
	// transport is what its connections have to speak, empty where anything.
	transport transport
	tls       *termination
	// filters are those of connections; the manager of requests is the last where there is one.
	filters []filter
	manager *manager
}

// transport is what a connection speaks below its requests, as Envoy names it.
type transport string

const (
	overTLS transport = "tls"
	plain   transport = "raw_buffer"
)

// termination is how TLS ends at a chain.
type termination struct {
	// verifies says that clients are asked for a certificate, demands that they have to have one.
	verifies, demands bool
}

// way is a chain that a connection may take; without one it is closed.
type way struct {
	when  traffic.Condition
	chain *chain
}

// listenerOf returns the listener that takes the connection, or nil: that of its very address before
// the one of all addresses.
func (g *Gateway) listenerOf(r *Request) *listener {
	var out *listener
	for _, l := range g.listeners {
		if l.port != r.Port {
			continue
		}
		switch {
		case r.Address.IsValid() && l.address == r.Address.Unmap():
			return l
		case l.address.IsValid() && l.address.IsUnspecified():
			out = l
		case out == nil && !r.Address.IsValid():
			out = l
		}
	}
	return out
}

// mostPorts bounds how many ports are named where nothing listens on that of the request.
const mostPorts = 20

// silence says why no listener takes the connection.
func (g *Gateway) silence(r *Request) string {
	var ports []uint32
	for _, l := range g.listeners {
		ports = append(ports, l.port)
	}
	slices.Sort(ports)
	ports = slices.Compact(ports)
	switch {
	case len(ports) == 0:
		return "the gateway listens on no port: no Gateway selects it"
	case slices.Contains(ports, r.Port):
		return fmt.Sprintf("nothing listens on port %d of %s", r.Port, r.Address)
	}
	var names []string
	for _, port := range ports[:min(len(ports), mostPorts)] {
		names = append(names, strconv.FormatUint(uint64(port), 10))
	}
	if more := len(ports) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return fmt.Sprintf("nothing listens on port %d; the gateway's ports: %s", r.Port, strings.Join(names, ", "))
}

// mostWays is how many chains a connection is followed through whose server name is not known.
const mostWays = 32

// ways returns the chains that the connection may take, one where all that decides is known; none where
// there are too many to be followed.
func (l *listener) ways(r *Request) []way {
	if !r.TLS || !l.inspects {
		return []way{{when: traffic.Known(true), chain: l.chainOf(plain, "")}}
	}
	if !r.Unknown.ServerName {
		return []way{{when: traffic.Known(true), chain: l.chainOf(overTLS, r.ServerName)}}
	}
	var out []way
	for _, c := range l.chains {
		named := traffic.Known(false)
		for _, name := range c.serverNames {
			named = named.Or(traffic.DependsOn("server name is " + name))
		}
		if !named.Fails() {
			out = append(out, way{when: named, chain: c})
		}
	}
	if len(out) > mostWays {
		return nil
	}
	return append(out, way{when: traffic.Known(true), chain: l.chainOf(overTLS, "")})
}

// chainOf chooses as Envoy does: by the name first, the longest that fits, and then by what the
// connection speaks. It does not turn back: a name that fits keeps the connection from chains of
// fewer names, also where what it speaks does not fit.
func (l *listener) chainOf(speaks transport, serverName string) *chain {
	for _, name := range namesOf(strings.ToLower(serverName)) {
		if c, found := l.named(name, speaks); found {
			return c
		}
	}
	return nil
}

// namesOf are the names under which a chain for a server name may stand, in the order in which they
// are tried; that of chains for all names is the last.
func namesOf(serverName string) []string {
	if serverName == "" {
		return []string{""}
	}
	out := []string{serverName}
	for i := 1; i < len(serverName)-1; i++ {
		if serverName[i] == '.' {
			out = append(out, "*"+serverName[i:])
		}
	}
	return append(out, "")
}

// named returns the chain of a name that takes what the connection speaks, and whether there is any
// chain of that name.
func (l *listener) named(name string, speaks transport) (*chain, bool) {
	var forAll *chain
	found := false
	for _, c := range l.chains {
		if !c.hasName(name) {
			continue
		}
		found = true
		switch c.transport {
		case speaks:
			return c, true
		case "":
			forAll = c
		}
	}
	return forAll, found
}

func (c *chain) hasName(name string) bool {
	return slices.Contains(c.serverNames, name) || name == "" && len(c.serverNames) == 0
}
