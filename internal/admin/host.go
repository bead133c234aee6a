package admin

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/portreeve/portreeve/internal/admin/role"
)

// Hosts are the names, beside those of this machine, by which clients may call the admin
// interface, without a port.
//
// A page in a browser can have its own name resolved to the admin address and read what stands
// there, as the browser takes it for the page's server. It cannot call it by a name that is not its own.
type Hosts []string

// known reports whether a request calls the interface by a name that is its own: the address at
// which the connection came in, one of loopback, or one of the hosts. What cannot be read is not known.
func (h Hosts) known(r *http.Request) bool {
	host := bare(r.Host)
	if address, err := netip.ParseAddr(host); err == nil {
		address = address.WithZone("").Unmap()
		return address.IsLoopback() || h.has(host) || address == listening(r)
	}
	return host == "localhost" || h.has(host)
}

func (h Hosts) has(host string) bool {
	return host != "" && slices.ContainsFunc(h, func(known string) bool { return bare(known) == host })
}

// bare returns a host in lower case, without port, brackets and the dot at its end.
func bare(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// listening is the address at which the connection of a request came in.
func listening(r *http.Request) netip.Addr {
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if local == nil {
		return netip.Addr{}
	}
	at, err := netip.ParseAddrPort(local.String())
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().WithZone("").Unmap()
}

// remote is the address from which the connection of a request came. What cannot be read is no address.
func remote(r *http.Request) netip.Addr {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return from.Addr().WithZone("").Unmap()
}

// loopback reports whether a request stays within this machine: both ends of its connection do, and no proxy says that it brings it
// for somebody. What is not known does not.
func loopback(r *http.Request) bool {
	for _, brought := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via"} {
		if len(r.Header.Values(brought)) > 0 {
			return false
		}
	}
	return listening(r).IsLoopback() && remote(r).IsLoopback()
}

// refuse refuses what is called by another name.
func (h Hosts) refuse(r *http.Request) *role.Refusal {
	if h.known(r) {
		return nil
	}
	const most = 100
	host := r.Host
	if len(host) > most {
		host = host[:most] + "…"
	}
	return &role.Refusal{Reason: strangeHost, Status: http.StatusMisdirectedRequest,
		Message: fmt.Sprintf("%q is no name of this server: call it by the address that it listens on or by localhost, or start it with --admin-host NAME", host)}
}
