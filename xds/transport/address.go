// Package transport brings gateways' connections in: where the control plane listens, and what each
// connection has proved when it arrives.
package transport

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"

	"github.com/portreeve/portreeve/xds/identity"
)

const (
	// maxSocketPath is how long the path of a Unix socket may be: the kernel has 108 bytes for it and its end.
	maxSocketPath = 107
	// privateName is how long the name of the folder is in which a socket is made, beside its place.
	privateName = 5
	// maxSocketFolder is how long the path of the folder may be, for that name and a last one of a byte.
	maxSocketFolder = maxSocketPath - privateName - 3
)

// accepted says what an address may be.
const accepted = "want HOST:PORT, or unix:///PATH of a socket"

// Address is where to listen: a host and a port, or a Unix socket.
type Address struct {
	host string
	// path is that of a Unix socket, or empty.
	path string
}

// ParseAddress reads what --xds-address says: HOST:PORT, or unix:///PATH. The path is taken as it stands.
func ParseAddress(text string) (Address, error) {
	if path, ok := strings.CutPrefix(text, "unix://"); ok {
		return socketAddress(path)
	}
	if strings.HasPrefix(text, "unix:") || strings.HasPrefix(text, "/") || strings.HasPrefix(text, "@") {
		return Address{}, fmt.Errorf("%q is not how a Unix socket is written: %s", text, accepted)
	}
	if _, _, err := net.SplitHostPort(text); err != nil {
		return Address{}, fmt.Errorf("%w: %s", err, accepted)
	}
	return Address{host: text}, nil
}

func socketAddress(path string) (Address, error) {
	switch {
	case strings.HasPrefix(path, "@"), strings.ContainsRune(path, 0):
		return Address{}, errors.New("abstract sockets have no owner and no mode: want unix:///PATH of a file")
	case !strings.HasPrefix(path, "/"):
		return Address{}, fmt.Errorf("the path %q of the socket does not begin at the root: want unix:///PATH, with three slashes", path)
	case strings.HasSuffix(path, "/"):
		return Address{}, fmt.Errorf("the path %q of the socket is that of a folder", path)
	case len(path) > maxSocketPath:
		return Address{}, fmt.Errorf("the path of the socket has %d bytes, and the system takes at most %d: want a shorter one, such as unix:///run/portreeve/xds.sock", len(path), maxSocketPath)
	case len(filepath.Dir(path)) > maxSocketFolder:
		return Address{}, fmt.Errorf("the path of the socket's folder has %d bytes, want at most %d: such as /run/portreeve", len(filepath.Dir(path)), maxSocketFolder)
	default:
		return Address{path: path}, nil
	}
}

// Unix reports whether it is a Unix socket.
func (a Address) Unix() bool { return a.path != "" }

// String returns the address as it is given to a program.
func (a Address) String() string {
	if a.Unix() {
		return "unix://" + a.path
	}
	return a.host
}

// Of returns what a connection to an address is that is listened on. It fails closed: what is not
// known to stay within this machine is Plain.
func Of(listening net.Addr) identity.Transport {
	switch a := listening.(type) {
	case *net.UnixAddr:
		return identity.Unix
	case *net.TCPAddr:
		if a.IP.IsLoopback() {
			return identity.Loopback
		}
	}
	return identity.Plain
}
