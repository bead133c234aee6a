package model

import "slices"

// maxElsewhere bounds the hosts of other servers that a server knows. Each of them would
// otherwise be in the routes of each server of a port.
const maxElsewhere = 256

// neighbours are the servers of one address.
type neighbours struct {
	// all are also those that are left out: they still keep their hosts from the others.
	all []server
	// served are those that connections can come to.
	served []server
}

// misdirected returns the virtual hosts of what other servers of the port serve and this one
// does not, and of what it has itself within those: a browser uses a connection in HTTP/2 for
// every host that the certificate is for, and finds the right server when it is told that this
// is the wrong one. Nothing of it has routes.
//
// Beyond maxElsewhere hosts all that the server does not have are taken for another's.
func (s server) misdirected(served []server, hosts []VirtualHost, settings Settings) []VirtualHost {
	own, elsewhere := s.hosts(settings), s.elsewhere(served, settings)
	if len(elsewhere) == 0 {
		return nil
	}
	taken := map[Host]bool{}
	for _, h := range hosts {
		for _, d := range h.Domains {
			taken[d] = true
		}
	}
	var out []VirtualHost
	for _, o := range own {
		if !taken[o.host] && slices.ContainsFunc(elsewhere, o.host.within) {
			taken[o.host] = true
			out = append(out, VirtualHost{Host: o.host, Domains: []Host{o.host}})
		}
	}
	elsewhere = slices.DeleteFunc(elsewhere, func(h Host) bool { return taken[h] })
	if len(elsewhere) == 0 {
		return out
	}
	return append(out, VirtualHost{Host: elsewhere[0], Domains: elsewhere, Elsewhere: true})
}

// elsewhere returns the hosts of other servers, each once and in order, of which the server has
// no part, or a part only.
func (s server) elsewhere(served []server, settings Settings) []Host {
	var out []Host
	own, seen := s.hosts(settings), map[Host]bool{}
	for _, other := range served {
		for _, h := range other.hosts(settings) {
			if seen[h.host] || slices.ContainsFunc(own, func(o serverHost) bool { return h.host.within(o.host) }) {
				continue
			}
			if h.host == "*" || len(out) == maxElsewhere {
				return []Host{"*"}
			}
			seen[h.host] = true
			out = append(out, h.host)
		}
	}
	slices.Sort(out)
	return out
}
