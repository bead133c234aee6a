package explain

import (
	"net/netip"
	"time"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// Request is what is asked about: a request, or a connection whose requests nobody reads.
type Request struct {
	// Port is the port that the client reached, Address where, which may be invalid: any listener of
	// the port will do then.
	Port    uint32
	Address netip.Addr
	// TLS says that the client speaks TLS. ServerName is its SNI, empty where it sends none.
	TLS        bool
	ServerName string
	// Certificate is the client's, nil where it has none. It is taken for one that the gateway accepts;
	// whether that is so is not looked at.
	Certificate *Certificate
	// Client is the connection's other end. Invalid where it is not known. Where the listener reads the PROXY
	// protocol it is the client that the protocol tells of, and Proxy is the connection's other end.
	Client, Proxy netip.AddrPort
	// Connection says that there is no request: bytes, of which the gateway reads none.
	Connection bool

	// Protocol is HTTP/1.0, HTTP/1.1 or HTTP/2; empty is HTTP/1.1.
	Protocol string
	// Method, Authority and Path are as sent: Path with its query and, where the client sends it, its fragment.
	// An Authority that is empty is none; a host that is sent and empty is the header host.
	Method, Authority, Path string
	// Headers are the others, in order, as sent; also x-forwarded-for.
	Headers []traffic.Header
	// At is the time by which tokens are judged.
	At time.Time

	// Trusted are tokens whose signature is not looked at: see traffic.Stream.
	Trusted map[string]traffic.Object
	// Assume says what authorizers answer, by the name of their provider; what those answer that are
	// not in it is not known.
	Assume map[string]Decision
	// Unknown is what the request does not say.
	Unknown Unknown
}

// Certificate is what a gateway reads of a client's certificate that it has verified.
type Certificate struct {
	URIs, DNSNames []string
	// Subject is as Envoy writes it: CN=client,O=Example.
	Subject string
}

// Decision is what an authorizer answers.
type Decision string

const (
	AssumeAllow Decision = "allow"
	AssumeDeny  Decision = "deny"
)

// Unknown says what of a request is not known, because whoever asks does not know it: an access log does
// not hold all.
type Unknown struct {
	// Headers: there may be others than those that are given, and than Absent, of which it is known that
	// they are not there. That the client speaks gRPC, asks for an upgrade or takes headers back by the
	// header connection is known all the same: it does where it is said.
	Headers bool
	Absent  []string
	// Query: behind Path there may be a query, with others than AbsentParameters.
	Query            bool
	AbsentParameters []string
	// ServerName and Certificate: whether there is one, and which.
	ServerName, Certificate bool
}
