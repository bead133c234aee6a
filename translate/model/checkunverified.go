package model

import (
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/diag"
)

// unverified refuses a policy about the identity of the peer for gateways that take client
// certificates which nobody has verified: such a policy would believe whatever a client
// writes into a certificate of its own. Istio lets it.
func (c policyChecks) unverified(policy *attached, acceptingAnyCert []server) diag.List {
	if len(acceptingAnyCert) == 0 {
		return nil
	}
	var out diag.List
	for _, u := range uses(policy.Spec.(*securityv1beta1.AuthorizationPolicy), peerFields, isPeerKey) {
		if d, found := unverifiedIdentity(policy, u, acceptingAnyCert); found {
			out = append(out, d)
		}
	}
	return out
}

// serversAcceptingAnyCert returns the servers that take any certificate.
func (c policyChecks) serversAcceptingAnyCert() []server {
	var out []server
	for _, gateway := range c.gateways {
		for i, spec := range gateway.Spec.(*networkingv1alpha3.Gateway).GetServers() {
			s := server{gateway, i, spec}
			if s.traffic().ended() && asksForCertificate(spec) && spec.GetTls().GetInsecureSkipVerify().GetValue() {
				out = append(out, s)
			}
		}
	}
	return out
}

// unverifiedIdentity returns the finding about one field, which reaches the gateways that have both
// the policy and one of the servers.
func unverifiedIdentity(policy *attached, u use, acceptingAnyCert []server) (diag.Diagnostic, bool) {
	var first *server
	targets := []diag.Target{}
	for _, at := range policy.scopes {
		for _, s := range acceptingAnyCert {
			if labels, possible, _ := common(at.labels, selectorOf(s)); possible {
				targets = append(targets, diag.Target{Namespace: at.namespace, Labels: labels})
				if first == nil {
					first = &s
				}
			}
		}
	}
	if first == nil {
		return diag.Diagnostic{}, false
	}
	d := diagnosticAt(diag.CodeIdentityUnverified, policy.Resource, u.path, "%s believes any certificate at the server at %s, where none is verified",
		fieldName(u), first.gateway.Origin.At(first.path().Field("tls", "insecureSkipVerify"))).
		WithHint("take insecureSkipVerify out of the Gateway, or select other workloads")
	d.Scope = diag.Limited(targets...)
	return d, true
}
