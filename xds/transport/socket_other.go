//go:build !unix

package transport

import (
	"errors"
	"net"
)

// listenUnix is an error: what a user of this system may do with a socket is not known.
func listenUnix(string, Rights) (net.Listener, error) {
	return nil, errors.New("listen for gateways: Unix sockets are not served on this system")
}
