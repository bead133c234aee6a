// Package route chooses routes as Envoy's router does, and says what a route makes of a request.
//
//	route configuration ─ New ─▶ Table ─ Choose(request) ─▶ Candidates ─ Outcome(request) ─▶ reply or clusters
//
// Envoy chooses the route before the first filter sees the request and keeps it. Once a filter has cleared
// that, the next who asks for the route has it chosen again, from the headers and metadata of that moment.
// When to call Choose is the walk's to know.
package route

import (
	"fmt"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// Table is a route configuration, made ready. It is immutable and safe for concurrent use.
type Table struct {
	// hosts are the virtual hosts in the order of the configuration.
	hosts   []*host
	domains domains
}

// host is a virtual host, made ready.
type host struct {
	message *routev3.VirtualHost
	index   int
	tls     routev3.VirtualHost_TlsRequirementType
	entries []*entry
}

// entry is a route, made ready.
type entry struct {
	message    *routev3.Route
	host       *host
	index      int
	conditions []condition
	action     action
	// request and response are what is done to headers, in the order in which Envoy does it.
	request, response []operations
	filters           map[string]FilterConfig
}

// New makes a route configuration ready. An error names what in it is not understood.
func New(config *routev3.RouteConfiguration) (*Table, error) {
	if err := understood(config); err != nil {
		return nil, fmt.Errorf("route configuration %s: %w", config.GetName(), err)
	}
	out := &Table{}
	for i, message := range config.GetVirtualHosts() {
		h, err := newHost(config, message)
		if err != nil {
			return nil, fmt.Errorf("route configuration %s: virtual host %s: %w", config.GetName(), message.GetName(), err)
		}
		h.index = i
		out.hosts = append(out.hosts, h)
	}
	out.domains = newDomains(config, out.hosts)
	return out, nil
}

func newHost(config *routev3.RouteConfiguration, message *routev3.VirtualHost) (*host, error) {
	out := &host{message: message, tls: message.GetRequireTls(), entries: make([]*entry, 0, len(message.GetRoutes()))}
	levels, err := newLevels(config, message)
	if err != nil {
		return nil, err
	}
	for i, r := range message.GetRoutes() {
		e, err := newEntry(levels, r)
		if err != nil {
			return nil, fmt.Errorf("route %d: %w", i, err)
		}
		e.host, e.index = out, i
		out.entries = append(out.entries, e)
	}
	return out, nil
}

func newEntry(above levels, message *routev3.Route) (*entry, error) {
	conditions, err := conditionsOf(message.GetMatch())
	if err != nil {
		return nil, err
	}
	own, err := newLevel(message)
	if err != nil {
		return nil, err
	}
	action, err := actionOf(message)
	if err != nil {
		return nil, err
	}
	return &entry{
		message: message, conditions: conditions, action: action,
		request:  above.operations(own, func(l level) operations { return l.request }),
		response: above.operations(own, func(l level) operations { return l.response }),
		filters:  above.filters(own),
	}, nil
}

// Candidate is a route that a request may take.
type Candidate struct {
	// If says when, where no candidate before it is taken.
	If traffic.Condition
	// VirtualHost and Route are its message; both are nil where no route is taken. Where a virtual host
	// takes only TLS and the request is sent there, Route alone is nil.
	VirtualHost *routev3.VirtualHost
	Route       *routev3.Route
	// HostIndex and RouteIndex are its place in the configuration; RouteIndex is -1 where Route is nil.
	HostIndex, RouteIndex int

	// entry is nil where Route is.
	entry *entry
}

func none(when traffic.Condition) Candidate {
	return Candidate{If: when, HostIndex: -1, RouteIndex: -1}
}

func (e *entry) candidate(when traffic.Condition) Candidate {
	return Candidate{
		If: when, VirtualHost: e.host.message, Route: e.message,
		HostIndex: e.host.index, RouteIndex: e.index, entry: e,
	}
}

// Forwards reports whether the route leads to clusters. Envoy's CORS filter knows no other routes: it leaves
// redirects and direct responses alone.
func (c *Candidate) Forwards() bool { return c.Route.GetRoute() != nil }

// Choose returns the routes that the request may take, in order: one where all that decides is known. The
// last always holds. x-forwarded-proto has to stand in the headers as the connection manager has set it:
// by it Envoy knows TLS.
func (t *Table) Choose(s *traffic.Stream) []Candidate {
	if proto, told := s.Headers.First("x-forwarded-proto"); told && proto == "" {
		return []Candidate{none(traffic.Known(true))} // Envoy takes it for a request that it has not looked at
	}
	authority, known := s.Headers.First(":authority")
	if !known && s.Headers.Open() && !t.domains.onlyDefault() {
		return t.anyHost(s)
	}
	h := t.domains.find(authority, known)
	if h == nil {
		return []Candidate{none(traffic.Known(true))}
	}
	return append(make([]Candidate, 0, 1), h.choose(s, traffic.Known(true))...)
}

// anyHost is the choice where the host is not known: every virtual host may be the one.
func (t *Table) anyHost(s *traffic.Stream) []Candidate {
	var out []Candidate
	for _, h := range t.hosts {
		out = append(out, h.choose(s, traffic.DependsOn("host leads to "+h.message.GetName()))...)
	}
	return append(out, none(traffic.Known(true)))
}

// choose returns the routes of a virtual host that may be taken where the host is asked for, which when says.
func (h *host) choose(s *traffic.Stream, when traffic.Condition) []Candidate {
	out := make([]Candidate, 0, 1)
	redirected := h.redirectsToTLS(s)
	if !redirected.Fails() {
		out = append(out, Candidate{If: when.And(redirected), VirtualHost: h.message, HostIndex: h.index, RouteIndex: -1})
	}
	if redirected.Holds() {
		return out
	}
	a := newAsked(s)
	for _, e := range h.entries {
		taken := e.matches(a)
		if taken.Fails() {
			continue
		}
		out = append(out, e.candidate(when.And(taken)))
		if taken.Holds() {
			return out
		}
	}
	return append(out, none(when))
}

// redirectsToTLS says whether the virtual host sends the request to https. Without the header Envoy takes no route,
// which no connection manager lets happen.
func (h *host) redirectsToTLS(s *traffic.Stream) traffic.Condition {
	if h.tls == routev3.VirtualHost_NONE {
		return traffic.Known(false)
	}
	scheme, known := s.Headers.First("x-forwarded-proto")
	if !known && s.Headers.Open() {
		return traffic.DependsOn(`header x-forwarded-proto is "https"`).Not()
	}
	plain := traffic.Known(scheme != "https")
	if h.tls == routev3.VirtualHost_ALL {
		return plain
	}
	internal, known := s.Headers.First("x-envoy-internal")
	if !known && s.Headers.Open() {
		return plain.And(traffic.DependsOn(`header x-envoy-internal is "true"`).Not())
	}
	return plain.And(traffic.Known(internal != "true"))
}
