// Package identity says what a gateway may be: from what its connection has proved, the namespace and the
// labels that its node may claim.
package identity

import (
	"crypto/x509"
	"fmt"
	"time"

	"google.golang.org/grpc/credentials"
)

// Transport is how a connection came.
type Transport string

const (
	// TLS is mutual TLS; the peer has shown certificates.
	TLS Transport = "tls"
	// Unix is a Unix socket of this machine.
	Unix Transport = "unix"
	// Loopback is plain text within this machine.
	Loopback Transport = "loopback"
	// Plain is plain text from anywhere else; nothing is proved, and who listens is not known.
	Plain Transport = "plain"
)

// Proof is what a connection has proved of who is at its other end.
type Proof struct {
	Transport Transport
	// Certificates are what the peer showed over TLS, its own first. They were verified when the connection
	// was made, and are again by Judge.
	Certificates []*x509.Certificate
	// User is who is at the other end of a Unix socket; nil where that is not known.
	User *User
}

// String names who it is, in a bounded number of bytes: spiffe://…, dns:…, uid 101 (pid 42). It is empty where
// nothing was proved.
func (p Proof) String() string {
	switch {
	case p.Transport == TLS && len(p.Certificates) > 0:
		return subjectOf(p.Certificates[0])
	case p.Transport == Unix && p.User != nil:
		return p.User.String()
	default:
		return ""
	}
}

// Until returns when what was proved ends: with the peer's certificate. The zero time is never.
func (p Proof) Until() time.Time {
	if p.Transport != TLS || len(p.Certificates) == 0 {
		return time.Time{}
	}
	return p.Certificates[0].NotAfter
}

// User is a process of this machine, as the kernel knows it.
type User struct {
	UID, GID uint32
	PID      int32
}

// String returns the user as uid 101 (pid 42).
func (u User) String() string { return fmt.Sprintf("uid %d (pid %d)", u.UID, u.PID) }

// Info is what credentials hand to the server about a connection: it is the AuthInfo of every connection
// that they made. A connection without one has proved nothing and counts as Plain.
type Info struct {
	credentials.CommonAuthInfo
	Proof Proof
}

// AuthType implements credentials.AuthInfo.
func (i Info) AuthType() string { return string(i.Proof.Transport) }

var _ credentials.AuthInfo = Info{}
