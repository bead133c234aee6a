package transport

import (
	"context"
	"errors"
	"net"

	"google.golang.org/grpc/credentials"

	"github.com/portreeve/portreeve/xds/identity"
)

// errServer says that the credentials are not for clients.
var errServer = errors.New("these credentials are those of a server")

// server is what the credentials of a server have in common.
type server struct{ protocol string }

// ClientHandshake implements credentials.TransportCredentials.
func (server) ClientHandshake(context.Context, string, net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return nil, nil, errServer
}

// Info implements credentials.TransportCredentials.
func (s server) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: s.protocol}
}

// OverrideServerName implements credentials.TransportCredentials.
func (server) OverrideServerName(string) error { return errServer }

// plain are the credentials of connections without TLS.
type plain struct {
	server
	transport identity.Transport
}

var _ credentials.TransportCredentials = plain{}

// WithoutTLS returns credentials for connections that come over a transport as they are. Their AuthInfo is
// an identity.Info, with the user at the other end of a Unix socket.
func WithoutTLS(t identity.Transport) credentials.TransportCredentials {
	return plain{server{"insecure"}, t}
}

// ServerHandshake implements credentials.TransportCredentials.
func (p plain) ServerHandshake(c net.Conn) (net.Conn, credentials.AuthInfo, error) {
	info := identity.Info{CommonAuthInfo: credentials.CommonAuthInfo{SecurityLevel: credentials.NoSecurity}, Proof: identity.Proof{Transport: p.transport}}
	if p.transport == identity.Unix {
		info.Proof.User = userOf(unwrapped(c))
	}
	return c, info, nil
}

// Clone implements credentials.TransportCredentials.
func (p plain) Clone() credentials.TransportCredentials { return p }

// unwrapped returns the connection of the system within those that wrap it.
func unwrapped(c net.Conn) net.Conn {
	for {
		wrapper, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			return c
		}
		c = wrapper.NetConn()
	}
}
