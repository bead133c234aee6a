package bootstrap

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
)

// MaxAddresses is how many control planes a gateway may be told of. A gateway tries them one after the other, and each that
// does not answer may take it a second, so that more would keep it from the one that does.
const MaxAddresses = 16

// ParseAddresses reads the addresses of the control planes of one gateway: at most MaxAddresses, each once, all of them
// host:port or all of them Unix sockets.
func ParseAddresses(texts []string) ([]Address, error) {
	if len(texts) == 0 {
		return nil, errors.New("there is no address of a control plane")
	}
	if len(texts) > MaxAddresses {
		return nil, fmt.Errorf("%d addresses of control planes, want at most %d: name replicas by one DNS name, whose addresses are all tried", len(texts), MaxAddresses)
	}
	first := map[Address]string{}
	var out []Address
	for _, text := range texts {
		at, err := ParseAddress(text)
		if err != nil {
			return nil, err
		}
		if before, twice := first[at.canonical()]; twice {
			return nil, fmt.Errorf("%s is the control plane that %s is: give each once", text, before)
		}
		first[at.canonical()] = text
		out = append(out, at)
		if (at.socket == "") != (out[0].socket == "") {
			return nil, fmt.Errorf("%s and %s: give addresses of hosts or Unix sockets, not both", texts[0], text)
		}
	}
	return out, nil
}

// canonical is the same for addresses that lead to the same place.
func (a Address) canonical() Address {
	if ip, err := netip.ParseAddr(a.host); err == nil {
		a.host = ip.Unmap().String()
	}
	a.host = strings.ToLower(strings.TrimSuffix(a.host, "."))
	return a
}

// discovery is how Envoy finds all of them: by DNS as soon as one is a name.
func discovery(planes []Address) clusterv3.Cluster_DiscoveryType {
	for _, at := range planes {
		if at.discovery() == clusterv3.Cluster_STRICT_DNS {
			return clusterv3.Cluster_STRICT_DNS
		}
	}
	return clusterv3.Cluster_STATIC
}
