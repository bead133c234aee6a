package app

import (
	"errors"
	"fmt"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"

	"github.com/portreeve/portreeve/xds/server"
	"github.com/portreeve/portreeve/xds/transport"
)

// DefaultTrustDomain is the trust domain of Istio's meshes, where none is named.
const DefaultTrustDomain = "cluster.local"

// DefaultMaxConnectionAge is how long a stream of a gateway lives before it is asked to connect again, and
// MinConnectionAge the least: until then a gateway has to get what it is served.
const (
	DefaultMaxConnectionAge = server.DefaultMaxConnectionAge
	MinConnectionAge        = time.Second
)

// XDS says how gateways reach the control plane, and what they have to prove.
type XDS struct {
	// Address is HOST:PORT, or unix:///PATH of a socket.
	Address string
	// SocketMode (octal), SocketOwner and SocketGroup (names or numbers) are the rights of the socket. Empty
	// ones are those of the transport.
	SocketMode, SocketOwner, SocketGroup string
	// TLS are the files of mutual TLS; without those that are required there is none.
	TLS transport.Files
	// TrustDomains are those whose SPIFFE IDs count.
	TrustDomains []string
	// Plaintext serves in plain text where other machines may listen in, and Require refuses who proves nothing.
	Plaintext, Require bool
	// MaxConnectionAge is how long a stream lives. It is a second at least.
	MaxConnectionAge time.Duration
}

// secure reports whether gateways are spoken to over TLS.
func (x XDS) secure() bool { return x.TLS.Certificate != "" }

// check returns what is wrong with the options by themselves.
func (x XDS) check(a transport.Address) error {
	required := 0
	for _, file := range []string{x.TLS.Certificate, x.TLS.Key, x.TLS.Authorities} {
		if file != "" {
			required++
		}
	}
	switch {
	case required != 0 && required != 3:
		return errors.New("--xds-tls-cert, --xds-tls-key and --xds-client-ca belong together: TLS is always mutual (portreeve ca init makes all three)")
	case required == 0 && x.TLS.Revoked+x.TLS.Serials != "":
		return errors.New("--xds-client-crl and --xds-revoked-serials revoke certificates: they need --xds-tls-cert, --xds-tls-key and --xds-client-ca")
	case required != 0 && x.Plaintext:
		return errors.New("--xds-plaintext and --xds-tls-cert contradict each other: gateways are spoken to in plain text, or over TLS")
	case !a.Unix() && x.SocketMode+x.SocketOwner+x.SocketGroup != "":
		return errors.New("--xds-socket-mode, --xds-socket-owner and --xds-socket-group are of a Unix socket: they need --xds-address unix:///PATH")
	case x.MaxConnectionAge < MinConnectionAge:
		return fmt.Errorf("--xds-max-connection-age %v: want %v at least, such as 1h", x.MaxConnectionAge, MinConnectionAge)
	default:
		return nil
	}
}

// trustDomains reads the names of trust domains.
func (x XDS) trustDomains() ([]spiffeid.TrustDomain, error) {
	var out []spiffeid.TrustDomain
	for _, name := range x.TrustDomains {
		domain, err := spiffeid.TrustDomainFromString(name)
		if err != nil {
			return nil, fmt.Errorf("--xds-trust-domain %.100q: %w: want a name such as %s", name, err, DefaultTrustDomain)
		}
		if domain.Name() != name {
			return nil, fmt.Errorf("--xds-trust-domain %.100q: that is a SPIFFE ID: want its trust domain alone, %s", name, domain)
		}
		out = append(out, domain)
	}
	return out, nil
}
