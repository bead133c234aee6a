package bootstrap

import (
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
)

// maxSocketPath is the longest path of a Unix socket: the kernel has 108 bytes for it, with one that ends it.
const maxSocketPath = 107

// Address is where a control plane listens.
type Address struct {
	host string
	port uint32
	// socket is the path of a Unix socket; empty for host and port.
	socket string
}

// ParseAddress reads host:port or unix:///path.
func ParseAddress(text string) (Address, error) {
	if path, ok := strings.CutPrefix(text, "unix://"); ok {
		return socketPath(path)
	}
	host, port, err := hostPort(text)
	return Address{host: host, port: port}, err
}

func socketPath(path string) (Address, error) {
	switch {
	case !filepath.IsAbs(path):
		return Address{}, fmt.Errorf("the path %q of the Unix socket is not absolute, want unix:///path", path)
	case len(path) > maxSocketPath:
		return Address{}, fmt.Errorf("the path of the Unix socket has %d bytes, want at most %d, which is what the kernel takes", len(path), maxSocketPath)
	case strings.ContainsRune(path, 0):
		return Address{}, fmt.Errorf("the path %q of the Unix socket has a zero byte", path)
	}
	return Address{socket: path}, nil
}

// Local reports whether nobody outside of this machine can be at the other end: a Unix socket, or a
// loopback address. A name other than localhost may lead anywhere.
func (a Address) Local() bool {
	ip, err := netip.ParseAddr(a.host)
	return a.socket != "" || a.host == "localhost" || err == nil && ip.IsLoopback()
}

func (a Address) discovery() clusterv3.Cluster_DiscoveryType {
	if _, err := netip.ParseAddr(a.host); err == nil || a.socket != "" {
		return clusterv3.Cluster_STATIC
	}
	return clusterv3.Cluster_STRICT_DNS
}

func (a Address) envoy() *corev3.Address {
	if a.socket != "" {
		return &corev3.Address{Address: &corev3.Address_Pipe{Pipe: &corev3.Pipe{Path: a.socket}}}
	}
	return socketAddress(a.host, a.port)
}

func hostPort(address string) (string, uint32, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || host == "" {
		return "", 0, fmt.Errorf("%q is not host:port", address)
	}
	return host, uint32(n), nil
}
