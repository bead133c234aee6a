package model

import (
	"maps"
	"slices"
	"strings"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// unaddressed warns of policies that refuse clients by their address or port and apply to a
// server on a unix socket, whose clients have none: they refuse nobody there.
func (c serverChecks) unaddressed() diag.List {
	var sockets []server
	for at, on := range c.servers(func(*networkingv1alpha3.Gateway) bool { return true }) {
		if strings.HasPrefix(at.bind, unixPrefix) {
			sockets = append(sockets, on...)
		}
	}
	if len(sockets) == 0 {
		return nil
	}
	slices.SortFunc(sockets, func(a, b server) int { return a.place().Compare(b.place()) })
	var out diag.List
	for _, namespace := range slices.Sorted(maps.Keys(c.policies[resource.AuthorizationPolicy])) {
		for _, p := range c.policies[resource.AuthorizationPolicy][namespace] {
			spec := p.Spec.(*securityv1beta1.AuthorizationPolicy)
			refuses := spec.GetAction() == securityv1beta1.AuthorizationPolicy_DENY || spec.GetAction() == securityv1beta1.AuthorizationPolicy_CUSTOM
			if at := c.serversOf(p, sockets); refuses && !p.DryRun() && len(at) > 0 {
				for i, rule := range spec.GetRules() {
					out = append(out, c.unmatched(p.Resource, rulePath(i), rule, at)...)
				}
			}
		}
	}
	return out
}

// unmatched reports the fields of a rule that no client on a socket has.
func (c serverChecks) unmatched(p *resource.Resource, path resource.Path, rule *securityv1beta1.Rule, at []server) diag.List {
	remote := c.settings.Mesh.Config.GetDefaultConfig().GetGatewayTopology().GetNumTrustedProxies() == 0
	var out diag.List
	add := func(field resource.Path) {
		out = append(out, diagnosticAt(diag.CodeSocketAddress, p, field, "a client on a unix socket has no address and no port, so %s never matches and refuses nobody at %s", field, names(at)).
			WithHint("a rule by other fields for those servers, or other workloads for them"))
	}
	for i, from := range rule.GetFrom() {
		source := path.Field("from", i, "source")
		if len(from.GetSource().GetIpBlocks()) > 0 {
			add(source.Field("ipBlocks"))
		}
		if len(from.GetSource().GetRemoteIpBlocks()) > 0 && remote {
			add(source.Field("remoteIpBlocks"))
		}
	}
	for i, to := range rule.GetTo() {
		if len(to.GetOperation().GetPorts()) > 0 {
			add(path.Field("to", i, "operation", "ports"))
		}
	}
	for i, c := range rule.GetWhen() {
		addressed := slices.Contains([]string{"source.ip", "destination.ip", "destination.port"}, c.GetKey()) || c.GetKey() == "remote.ip" && remote
		if addressed && len(c.GetValues()) > 0 {
			add(path.Field("when", i, "values"))
		}
	}
	return out
}
