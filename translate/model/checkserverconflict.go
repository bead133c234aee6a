package model

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// conflicts reports servers that cannot be on one address of one gateway: of
// different traffic, two of plain TCP, or two of HTTPS or TLS with one name. Istio leaves
// the later one out with a log line.
func (c serverChecks) conflicts() diag.List {
	var out diag.List
	for _, servers := range c.servers(func(*networkingv1alpha3.Gateway) bool { return true }) {
		names := map[Host][]place{}
		for i, s := range servers {
			d, found := c.conflictingTraffic(s, servers[:i])
			if !found && s.traffic().Secure() {
				d, found = c.conflictingName(s, names)
			}
			if found {
				out = append(out, d)
			}
		}
	}
	return out
}

// sameRoutes reports HTTPS servers of different addresses whose routes have one name. A
// gateway with both would not serve either.
func (c serverChecks) sameRoutes() diag.List {
	var out diag.List
	named := map[string][]server{}
	for at, servers := range c.servers(func(*networkingv1alpha3.Gateway) bool { return true }) {
		for _, s := range servers {
			if s.traffic() == HTTPS {
				name := s.name().Routes(at.bind, at.number)
				named[name] = append(named[name], s)
			}
		}
	}
	for name, servers := range named {
		slices.SortFunc(servers, func(a, b server) int { return compareAge(a.gateway, b.gateway) })
		for i := 1; i < len(servers); i++ {
			s, first := servers[i], servers[0]
			if d, found := conflict(s, first, s.path().Field("port", "name"), first.path().Field("port", "name"), "the routes have the name "+name+" here and"); found {
				out = append(out, d.WithHint("give one of the Gateways, or of the ports, another name"))
			}
		}
	}
	return out
}

// takenNames warns of the names of tls routes that another server of the port ends TLS for.
// That server has the name: its policies about requests count.
func (c serverChecks) takenNames() diag.List {
	var out diag.List
	for _, servers := range c.servers(func(*networkingv1alpha3.Gateway) bool { return true }) {
		owners := map[Host]server{}
		for _, s := range servers {
			if s.traffic().ended() {
				for _, name := range s.serverNames() {
					owners[name] = s
				}
			}
		}
		for _, s := range servers {
			if len(owners) > 0 && s.traffic() == Passthrough {
				out = append(out, c.takenFrom(s, owners)...)
			}
		}
	}
	return out
}

func (c serverChecks) takenFrom(s server, owners map[Host]server) diag.List {
	var out diag.List
	for _, vs := range c.routes[s.key()] {
		for i, r := range vs.Spec.(*networkingv1alpha3.VirtualService).GetTls() {
			for j, match := range r.GetMatch() {
				for k, name := range match.GetSniHosts() {
					owner, taken := owners[Host(asked(name))]
					if !taken {
						continue
					}
					if _, possible, _ := common(selectorOf(s), selectorOf(owner)); possible {
						out = append(out, diagnosticAt(diag.CodeServerNameTaken, vs, resource.Path{"spec", "tls", i, "match", j, "sniHosts", k},
							"TLS for %s ends at the server at %s, so this route does not take it", name, owner.gateway.Origin.At(owner.path())).WithHint("take the name out of one of them"))
					}
				}
			}
		}
	}
	return out
}

// place is a host of a server.
type place struct {
	server
	host int
}

// conflictingTraffic reports the first of the earlier servers whose connections cannot be
// told from those of s.
func (c serverChecks) conflictingTraffic(s server, earlier []server) (diag.Diagnostic, bool) {
	for _, e := range earlier {
		message := fmt.Sprintf("%s cannot be %s here and %s", s.listenAddress(), s.traffic(), e.traffic())
		switch {
		case s.traffic() == TCP && e.traffic() == TCP:
			message = fmt.Sprintf("%s has two TCP servers, whose connections nothing tells apart: here and", s.listenAddress())
		case canSharePort(s, e):
			continue
		}
		if d, found := conflict(s, e, s.path().Field("port", "number"), e.path().Field("port", "number"), message); found {
			return d, true
		}
	}
	return diag.Diagnostic{}, false
}

// conflictingName reports the first earlier server that has a name of s, and notes the names of s.
func (c serverChecks) conflictingName(s server, names map[Host][]place) (diag.Diagnostic, bool) {
	var out diag.Diagnostic
	found := false
	for i, h := range s.hosts(c.settings) {
		for _, e := range names[h.asked] {
			if found || e.gateway == s.gateway && e.index == s.index {
				continue
			}
			message := fmt.Sprintf("%s has two servers for the name %s, here and", s.listenAddress(), h.asked)
			out, found = conflict(s, e.server, s.path().Field("hosts", i), e.path().Field("hosts", e.host), message)
		}
		names[h.asked] = append(names[h.asked], place{s, i})
	}
	return out, found
}

// conflict returns the finding that s cannot stand beside the earlier e, and whether there
// can be a gateway with both. It reaches just those gateways.
func conflict(s, e server, at, other resource.Path, message string) (diag.Diagnostic, bool) {
	labels, possible, always := common(selectorOf(s), selectorOf(e))
	if !possible {
		return diag.Diagnostic{}, false
	}
	code, hint := diag.CodeServerConflict, "give one of them another port or bind"
	if !always {
		code, hint = diag.CodeServerOverlap, "if a gateway has the labels that both select, it serves the older one only; give one of them another port"
	}
	d := diagnosticAt(code, s.gateway, at, "%s at %s", message, e.gateway.Origin.At(other)).WithHint("%s", hint)
	d.Scope = diag.Limited(diag.Target{Labels: labels})
	return d, true
}

func selectorOf(s server) map[string]string {
	return s.gateway.Spec.(*networkingv1alpha3.Gateway).GetSelector()
}

// common returns the labels of the workloads that two selectors select both, whether there
// can be any, and whether all workloads of one of them are such.
func common(a, b map[string]string) (labels map[string]string, possible, always bool) {
	labels = maps.Clone(a)
	if labels == nil {
		labels = map[string]string{}
	}
	for k, v := range b {
		if have, ok := labels[k]; ok && have != v {
			return nil, false, false
		}
		labels[k] = v
	}
	return labels, true, len(labels) == max(len(a), len(b))
}

// listenAddress names what a server listens on, as findings do.
func (s server) listenAddress() string {
	if strings.HasPrefix(s.spec.GetBind(), unixPrefix) {
		return s.spec.GetBind()
	}
	return fmt.Sprintf("port %d", s.spec.GetPort().GetNumber())
}

func (s server) path() resource.Path { return resource.Path{"spec", "servers", s.index} }
