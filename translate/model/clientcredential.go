package model

import (
	"slices"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// credentials returns the uses that DestinationRules make of Secrets, in a fixed order.
func (x ruleIndex) credentials() []credential {
	var rules []*resource.Resource
	for _, hosts := range x {
		for _, named := range hosts {
			rules = append(rules, named...)
		}
	}
	slices.SortFunc(rules, func(a, b *resource.Resource) int {
		return compareAge(a, b)
	})
	var out []credential
	for _, r := range rules {
		out = append(out, ruleCredentials(r)...)
	}
	return out
}

func ruleCredentials(r *resource.Resource) []credential {
	spec := r.Spec.(*networkingv1alpha3.DestinationRule)
	scope := diag.Target{Labels: spec.GetWorkloadSelector().GetMatchLabels()}
	if onlyFor(r, r.Namespace) {
		scope.Namespace = r.Namespace
	}
	var out []credential
	add := func(path resource.Path, tls *networkingv1alpha3.ClientTLSSettings) {
		for _, p := range clientPurposes(tls) {
			out = append(out, credential{r, scope, tls.GetCredentialName(), path.Field("tls").Field("credentialName"), p})
		}
	}
	policy := func(path resource.Path, p *networkingv1alpha3.TrafficPolicy) {
		add(path, p.GetTls())
		for i, s := range p.GetPortLevelSettings() {
			add(path.Field("portLevelSettings", i), s.GetTls())
		}
	}
	policy(resource.Path{"spec", "trafficPolicy"}, spec.GetTrafficPolicy())
	for i, s := range spec.GetSubsets() {
		policy(resource.Path{"spec"}.Field("subsets", i).Field("trafficPolicy"), s.GetTrafficPolicy())
	}
	return out
}

// clientPurposes returns what the Secret of a client's settings is needed for: the client's
// own certificate, and the authorities of the backend unless it is not to be verified.
func clientPurposes(tls *networkingv1alpha3.ClientTLSSettings) []purpose {
	if tls.GetCredentialName() == "" || !resource.SpeaksTLS(tls) {
		return nil
	}
	var out []purpose
	if tls.GetMode() == networkingv1alpha3.ClientTLSSettings_MUTUAL {
		out = append(out, forServer)
	}
	if !tls.GetInsecureSkipVerify().GetValue() {
		out = append(out, forClients)
	}
	return out
}

// credentialsFor returns the credentials that a gateway needs: those of the servers that
// select it, and of the DestinationRules that count for a service that it can route to.
func (m *Model) credentialsFor(g Gateway) []credential {
	var out []credential
	ruled := false
	for _, c := range m.named {
		if c.by.Kind == resource.DestinationRule {
			ruled = true
		} else if g.Selected(c.scope.Labels) {
			out = append(out, c)
		}
	}
	if !ruled {
		return out
	}
	return append(out, m.ruledCredentials(m.visibleServices(g))...)
}

func (m *Model) ruledCredentials(services []Service) []credential {
	counting := map[*resource.Resource]bool{}
	for _, s := range services {
		for _, r := range s.Rule.Origins {
			counting[r] = true
		}
	}
	var out []credential
	for _, c := range m.named {
		if counting[c.by] {
			out = append(out, c)
		}
	}
	return out
}

// addRuled adds the secrets of DestinationRules. A Secret that is not there or is broken is left
// out: a cluster that waits for its secret sends nothing. Build and Missing report it.
func (m *Model) addRuled(secrets map[string]Secret, services []Service, g Gateway) {
	for _, c := range m.ruledCredentials(services) {
		if s, ok := m.credentials.secret(c, g.Namespace); ok {
			secrets[s.Name] = s
		}
	}
	for _, s := range ruledFiles(services) {
		// A server may have the same files. The name says which, so it is the same secret.
		if _, taken := secrets[s.Name]; !taken {
			secrets[s.Name] = s
		}
	}
}
