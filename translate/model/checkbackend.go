package model

import (
	"maps"
	"slices"
	"strings"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// backends warns of destinations that gateways do not see, that do not say which of several
// ports is meant, and whose backend speaks TLS and is spoken to in plain text.
func (c destinationChecks) backends() diag.List {
	var out diag.List
	for vs, i := range c.boundHTTP() {
		path, r := resource.Path{"spec", "http", i, "route"}, httpOf(vs)[i]
		in := entrance{vs, c.usersOf(vs), func(s server, by *resource.Resource) bool {
			return s.traffic().requests() && (len(r.GetMatch()) == 0 || slices.ContainsFunc(r.GetMatch(), func(match *networkingv1alpha3.HTTPMatchRequest) bool {
				return s.isFor(by, match.GetPort(), match.GetGateways())
			}))
		}}
		for j, d := range r.GetRoute() {
			at := path.Field(j, "destination")
			out = append(out, c.backend(in, at, d.GetDestination())...)
			out = append(out, c.plainToTLS(vs, at, d.GetDestination())...)
		}
	}
	for vs, r := range c.boundConnections() {
		in := entrance{vs, []*resource.Resource{vs}, func(s server, by *resource.Resource) bool {
			return !s.traffic().requests() && (len(r.matches) == 0 || slices.ContainsFunc(r.matches, func(d connectionMatch) bool { return s.isFor(by, d.port, d.gateways) }))
		}}
		for j, d := range r.route {
			out = append(out, c.backend(in, r.path.Field("route", j, "destination"), d.GetDestination())...)
		}
	}
	return out
}

// entrance is how requests or connections come to a route of a VirtualService: by the
// VirtualServices of Gateways that it is part of, and those of their servers that it is for.
type entrance struct {
	vs   *resource.Resource
	by   []*resource.Resource
	open func(s server, by *resource.Resource) bool
}

// usersOf returns the VirtualServices that delegate to one, or itself.
func (c destinationChecks) usersOf(vs *resource.Resource) []*resource.Resource {
	if users := c.delegates.users[vs]; len(users) > 0 {
		return users
	}
	return []*resource.Resource{vs}
}

// enteredElsewhere reports whether a route can be come to by a port that is not one of these.
func (c destinationChecks) enteredElsewhere(in entrance, ports map[uint32]bool) bool {
	return slices.ContainsFunc(in.by, func(by *resource.Resource) bool {
		return slices.ContainsFunc(c.byName.namedBy(by).gateways, func(g *resource.Resource) bool {
			for i, spec := range g.Spec.(*networkingv1alpha3.Gateway).GetServers() {
				s := server{g, i, spec}
				if !ports[spec.GetPort().GetNumber()] && in.open(s, by) && len(s.servedHosts(by, c.settings)) > 0 {
					return true
				}
			}
			return false
		})
	})
}

func (c destinationChecks) backend(in entrance, at resource.Path, d *networkingv1alpha3.Destination) diag.List {
	host := c.settings.resolve(d.GetHost(), in.vs.Namespace)
	services := c.services.of(host)
	if len(services) == 0 {
		return nil
	}
	if hidden, seen := c.hidden(in, services); hidden && c.settings.Broken.service() {
		return nil
	} else if hidden {
		return diag.List{diagnosticAt(diag.CodeHidden, in.vs, at.Field("host"), "%s does not export %s to the gateways that the route is for, which run in %s, so requests get 503 and connections are closed", services[0].Origin.Key, host, strings.Join(seen, " or ")).
			WithHint(`exportTo of %s with the namespace in which the gateways run, or "*"`, services[0].Origin.Key)}
	}
	ports := numbersOf(services)
	if d.GetPort().GetNumber() != 0 || len(ports) < 2 || !c.enteredElsewhere(in, ports) {
		return nil
	}
	return diag.List{diagnosticAt(diag.CodePortMissing, in.vs, at, "%s has the ports %s and the destination says none, so the port that the gateway was asked on is meant, and the service does not have it", host, portsOf(services)).
		WithHint("port: {number: …}, one of %s", portsOf(services))}
}

// hidden reports whether no gateway of a route sees any of the definitions of a service, as far
// as files tell where gateways run, and where that is.
func (c destinationChecks) hidden(in entrance, services []definition) (bool, []string) {
	if slices.ContainsFunc(services, func(s definition) bool { return len(s.exportTo) == 0 || slices.Contains(s.exportTo, "*") }) {
		return false, nil
	}
	var gateways []*resource.Resource
	for _, by := range in.by {
		gateways = append(gateways, c.byName.namedBy(by).gateways...)
	}
	seen := c.seenFrom(gateways)
	return len(gateways) > 0 && !slices.ContainsFunc(services, func(s definition) bool {
		return slices.ContainsFunc(seen, func(ns string) bool { return exported(s.exportTo, s.Origin.Namespace, ns) })
	}), seen
}

func numbersOf(services []definition) map[uint32]bool {
	out := map[uint32]bool{}
	for _, s := range services {
		for _, p := range s.Ports {
			out[p.Number] = true
		}
	}
	return out
}

// plainToTLS warns of requests that are sent in plain text to a port that speaks TLS.
func (c destinationChecks) plainToTLS(vs *resource.Resource, at resource.Path, d *networkingv1alpha3.Destination) diag.List {
	host := c.settings.resolve(d.GetHost(), vs.Namespace)
	number := d.GetPort().GetNumber()
	for _, s := range c.services.of(host) {
		for _, p := range s.Ports {
			if p.Number != number && (number != 0 || len(s.Ports) > 1) || !speaksTLS(p) {
				continue
			}
			if c.saysTLS(host, p.Number, d.GetSubset()) || c.settings.Broken.any(resource.DestinationRule) {
				return nil
			}
			return diag.List{diagnosticAt(diag.CodePlainToTLS, vs, at, "port %d of %s, %s, is one of TLS, and no DestinationRule says so: requests are sent to it in plain text", p.Number, host, p.Name).
				WithHint("a DestinationRule for %s with trafficPolicy: {tls: {mode: SIMPLE}}, or mode: DISABLE where plain text is meant", host)}
		}
	}
	return nil
}

// speaksTLS reports a port whose protocol or name is that of HTTPS or TLS.
func speaksTLS(p ServicePort) bool {
	name, _, _ := strings.Cut(strings.ToLower(p.Name), "-")
	switch protocol := strings.ToUpper(p.Protocol); protocol {
	case "HTTPS", "TLS":
		return true
	case "", "TCP":
		return name == "https" || name == "tls"
	default:
		return name == "https" && protocol != "HTTP2" && protocol != "GRPC"
	}
}

// saysTLS reports whether a DestinationRule says anything of the TLS of a port, be it that there
// is none.
func (c destinationChecks) saysTLS(host Host, port uint32, subset string) bool {
	return slices.ContainsFunc(c.rules.about(host), func(r *resource.Resource) bool {
		rule := merged([]*resource.Resource{r})
		return rule.Policy(port, subset).GetTls() != nil
	})
}

// unusedDelegates warns of VirtualServices without hosts that none of the others names.
func (c routeChecks) unusedDelegates() diag.List {
	if c.settings.Broken.any(resource.VirtualService) {
		return nil
	}
	named := map[string]bool{}
	note := func(vs *resource.Resource) {
		for _, r := range httpOf(vs) {
			if d := r.GetDelegate(); d != nil {
				named[delegateName(d, vs.Namespace)] = true
			}
		}
	}
	for vs := range c.bound() {
		note(vs)
	}
	for _, vs := range c.meshOnly {
		note(vs)
	}
	var out diag.List
	for _, name := range slices.Sorted(maps.Keys(c.delegates.byName)) {
		if !named[name] {
			vs := c.delegates.byName[name]
			out = append(out, diagnosticAt(diag.CodeDelegateUnused, vs, resource.Path{"spec"}, "%s has no hosts and no VirtualService delegates to it, so nothing of it is served", vs.Key).
				WithHint("hosts and gateways, or delegate: {name: %s, namespace: %s} in a route of a VirtualService that has them", vs.Name, vs.Namespace))
		}
	}
	return out
}
