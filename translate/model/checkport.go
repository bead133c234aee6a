package model

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// openPorts is the ports that the servers of all Gateways listen on. It is empty where that does
// not tell which ports rules see: behind the PROXY protocol they see that of the proxy.
type openPorts struct {
	numbers map[uint32]bool
	// hint says which there are. It is made once: many rules may name other ports.
	hint string
}

func (c *checks) newOpenPorts() openPorts {
	out := openPorts{numbers: map[uint32]bool{}}
	if c.settings.Broken.any(resource.Gateway) || c.settings.Broken.Mesh || c.settings.Mesh.Config.GetDefaultConfig().GetGatewayTopology().GetProxyProtocol() != nil {
		return out
	}
	for _, g := range c.gateways {
		for _, s := range g.Spec.(*networkingv1alpha3.Gateway).GetServers() {
			if !strings.HasPrefix(s.GetBind(), unixPrefix) {
				out.numbers[s.GetPort().GetNumber()] = true
			}
		}
	}
	out.hint = listening(out.numbers)
	return out
}

// portsOpened warns of ports on which no request comes in: rules see the port that a gateway
// listens on, and neither that of a load balancer before it nor that of a backend. A policy that is for
// no gateway may well name the port of another workload.
func (c policyChecks) portsOpened(policy *resource.Resource, spec *securityv1beta1.AuthorizationPolicy) diag.List {
	if len(c.open.numbers) == 0 {
		return nil
	}
	var out diag.List
	for i, rule := range spec.GetRules() {
		for j, to := range rule.GetTo() {
			at, o := rulePath(i).Field("to", j, "operation"), to.GetOperation()
			out = append(out, c.unopened(policy, at, field{"ports", o.GetPorts()}, idle(spec.GetAction()))...)
			out = append(out, c.unopened(policy, at, field{"notPorts", o.GetNotPorts()}, exceptsNothing)...)
		}
		for j, when := range rule.GetWhen() {
			if when.GetKey() == "destination.port" {
				at := rulePath(i).Field("when", j)
				out = append(out, c.unopened(policy, at, field{"values", when.GetValues()}, idle(spec.GetAction()))...)
				out = append(out, c.unopened(policy, at, field{"notValues", when.GetNotValues()}, exceptsNothing)...)
			}
		}
	}
	return out
}

func (c policyChecks) unopened(policy *resource.Resource, at resource.Path, of field, effect string) diag.List {
	var out diag.List
	for i, v := range of.values {
		if n, err := strconv.ParseUint(v, 10, 32); err == nil && !c.open.numbers[uint32(n)] {
			out = append(out, diagnosticAt(diag.CodePortUnserved, policy, at.Field(of.name, i), "rules see the port that a gateway listens on, and no server of a Gateway listens on %s, %s", v, effect).
				WithHint("%s", c.open.hint))
		}
	}
	return out
}

// maxPortsNamed bounds the ports that a hint names.
const maxPortsNamed = 5

// listening says which ports there are.
func listening(ports map[uint32]bool) string {
	names, more := []string{}, ""
	for i, n := range slices.Sorted(maps.Keys(ports)) {
		if i == maxPortsNamed {
			more = " and " + strconv.Itoa(len(ports)-maxPortsNamed) + " more"
			break
		}
		names = append(names, strconv.FormatUint(uint64(n), 10))
	}
	return "the Gateways listen on " + strings.Join(names, ", ") + more
}
