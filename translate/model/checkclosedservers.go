package model

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// closedServers warns of what policies about requests do to the connections of TCP and TLS
// passthrough servers, where their HTTP fields count for nothing.
func (c serverChecks) closedServers() diag.List {
	servers := c.connectionServers()
	if len(servers) == 0 {
		return nil
	}
	opened := c.openedServers(servers)
	var out diag.List
	for _, namespace := range slices.Sorted(maps.Keys(c.policies[resource.AuthorizationPolicy])) {
		for _, p := range c.policies[resource.AuthorizationPolicy][namespace] {
			at := c.serversOf(p, servers)
			if len(at) == 0 || p.DryRun() {
				continue
			}
			switch spec := p.Spec.(*securityv1beta1.AuthorizationPolicy); spec.GetAction() {
			case securityv1beta1.AuthorizationPolicy_DENY:
				out = append(out, c.deniedConnections(p.Resource, spec, at)...)
			case securityv1beta1.AuthorizationPolicy_CUSTOM:
				out = append(out, c.askedConnections(p.Resource, spec, at)...)
			case securityv1beta1.AuthorizationPolicy_ALLOW:
				out = append(out, c.unallowedConnections(p.Resource, spec, slices.DeleteFunc(at, func(s server) bool { return opened[s.place()] }))...)
			}
		}
	}
	return out
}

// connectionServers returns the servers whose connections are not read, in the order of the files.
func (c serverChecks) connectionServers() []server {
	var out []server
	for _, on := range c.servers(func(*networkingv1alpha3.Gateway) bool { return true }) {
		for _, s := range on {
			if !s.traffic().requests() {
				out = append(out, s)
			}
		}
	}
	slices.SortFunc(out, func(a, b server) int {
		return a.gateway.Origin.At(a.path()).Compare(b.gateway.Origin.At(b.path()))
	})
	return out
}

// place tells a server from all others.
func (s server) place() diag.Position { return s.gateway.Origin.At(s.path()) }

// openedServers returns the servers to which an ALLOW policy has something to say.
func (c serverChecks) openedServers(servers []server) map[diag.Position]bool {
	out := map[diag.Position]bool{}
	for _, policies := range c.policies[resource.AuthorizationPolicy] {
		for _, p := range policies {
			spec := p.Spec.(*securityv1beta1.AuthorizationPolicy)
			if spec.GetAction() != securityv1beta1.AuthorizationPolicy_ALLOW || p.DryRun() || !slices.ContainsFunc(spec.GetRules(), aboutConnections) {
				continue
			}
			for _, s := range c.serversOf(p, servers) {
				out[s.place()] = true
			}
		}
	}
	return out
}

// aboutConnections reports a rule that has no HTTP field.
func aboutConnections(rule *securityv1beta1.Rule) bool {
	_, less := NetworkRule(rule)
	return !less
}

// deniedConnections warns of rules that have nothing but HTTP fields. The policy may be a
// JWTPolicy, which is always such a rule.
func (c serverChecks) deniedConnections(p *resource.Resource, spec *securityv1beta1.AuthorizationPolicy, at []server) diag.List {
	var out diag.List
	for i, rule := range spec.GetRules() {
		switch network, less := NetworkRule(rule); {
		case less && everyConnection(network):
			out = append(out, diagnosticAt(diag.CodeServerClosed, p, rulePath(i), "the rule has nothing but HTTP fields and so denies every connection to %s", names(at)).
				WithHint("add the HTTP servers' ports to the rule's operations, or attach the policy to other workloads"))
		case less && !aboutPorts(network) && !c.settings.Broken.authorization(p, c.settings.RootNamespace):
			out = append(out, diagnosticAt(diag.CodeConnectionsClosed, p, rulePath(i), "the HTTP fields of the rule count for nothing at %s, where it denies every connection that its other fields match", names(at)).
				WithHint("add the HTTP servers' ports to the rule's operations, or attach the policy to other workloads"))
		}
	}
	return out
}

// aboutPorts reports a rule that says in each operation which ports it is about.
func aboutPorts(rule *securityv1beta1.Rule) bool {
	return len(rule.GetTo()) > 0 && !slices.ContainsFunc(rule.GetTo(), func(t *securityv1beta1.Rule_To) bool {
		return len(t.GetOperation().GetPorts())+len(t.GetOperation().GetNotPorts()) == 0
	})
}

// askedConnections warns of rules of which a connection cannot be asked about, or all are.
func (c serverChecks) askedConnections(p *resource.Resource, spec *securityv1beta1.AuthorizationPolicy, at []server) diag.List {
	provider, ok := View{Mesh: c.settings.Mesh}.Provider(spec.GetProvider().GetName())
	if !ok || c.settings.Broken.authorization(p, c.settings.RootNamespace) {
		return nil // reported by itself
	}
	var out diag.List
	for i, rule := range spec.GetRules() {
		network, less := NetworkRule(rule)
		switch {
		case provider.HTTP != nil:
			out = append(out, diagnosticAt(diag.CodeConnectionsClosed, p, rulePath(i), "the provider %s is asked over HTTP, which cannot be done about a connection: what the rule matches is closed at %s", provider.Name, names(at)).
				WithHint("a gRPC provider, or attach the policy to other workloads"))
		case less && everyConnection(network):
			out = append(out, diagnosticAt(diag.CodeConnectionsClosed, p, rulePath(i), "the rule has nothing but HTTP fields, so the provider %s is asked about every connection to %s", provider.Name, names(at)).
				WithHint("add the HTTP servers' ports to the rule's operations, or attach the policy to other workloads"))
		}
	}
	return out
}

// unallowedConnections warns of an ALLOW policy of which nothing is left for connections:
// by being there it denies them all.
func (c serverChecks) unallowedConnections(p *resource.Resource, spec *securityv1beta1.AuthorizationPolicy, at []server) diag.List {
	if len(at) == 0 || len(spec.GetRules()) == 0 || c.settings.Broken.authorization(p, c.settings.RootNamespace) || slices.ContainsFunc(spec.GetRules(), aboutConnections) {
		return nil
	}
	return diag.List{diagnosticAt(diag.CodeConnectionsClosed, p, resource.Path{"spec", "rules"}, "every rule has HTTP fields, so no connection is allowed to %s", names(at)).
		WithHint("an ALLOW policy about addresses or ports for those servers, or attach the policy to other workloads")}
}

func rulePath(i int) resource.Path { return resource.Path{"spec", "rules", i} }

// names names servers as findings do.
func names(servers []server) string {
	out := make([]string, 0, len(servers))
	for _, s := range servers {
		out = append(out, fmt.Sprintf("the %s server on %s of %s", s.traffic(), s.listenAddress(), s.gateway.Key))
	}
	return strings.Join(out, ", ")
}

// serversOf returns the servers whose workloads a policy selects, as far as labels tell. A
// policy for all of a namespace counts where the Gateway stands in that namespace.
func (c *checks) serversOf(p *attached, servers []server) []server {
	scopes := p.scopes
	var out []server
	for _, s := range servers {
		selector := selectorOf(s)
		if slices.ContainsFunc(scopes, func(at workloadScope) bool {
			labels, possible, _ := common(at.labels, selector)
			elsewhere := len(at.labels) == 0 && at.namespace != "" && at.namespace != s.gateway.Namespace
			return possible && len(labels) <= len(selector) && !elsewhere
		}) {
			out = append(out, s)
		}
	}
	return out
}
