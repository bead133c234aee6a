package model

import (
	"slices"
	"strings"
	"unicode"

	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// authorization warns of an AuthorizationPolicy that does not do what it reads like.
func (c policyChecks) authorization(policy *attached) diag.List {
	spec := policy.Spec.(*securityv1beta1.AuthorizationPolicy)
	at := policy.scopes
	out := c.tokens(policy.Resource, spec, at)
	out = append(out, c.peers(policy.Resource, spec, at)...)
	out = append(out, c.operations(policy.Resource, spec, at)...)
	if !c.appliesToNone(policy) {
		out = append(out, c.portsOpened(policy.Resource, spec)...)
	}
	return append(out, c.addresses(policy.Resource, spec)...)
}

// peers warns of the identity of a peer on a gateway that never asks for it: a field is
// then never true, and its negation always.
func (c policyChecks) peers(policy *resource.Resource, spec *securityv1beta1.AuthorizationPolicy, at []workloadScope) diag.List {
	found := uses(spec, peerFields, isPeerKey)
	if len(found) == 0 {
		return nil
	}
	gateway := c.anonymous.find(at...)
	if gateway == nil {
		return nil
	}
	var out diag.List
	for _, u := range found {
		name := fieldName(u)
		effect := "never matches"
		if strings.HasPrefix(name, "not") {
			effect = "always matches"
		} else if isPeerKey(u.value) {
			effect = "never matches values and always matches notValues"
		}
		out = append(out, diagnosticAt(diag.CodePeerIdentity, policy, u.path, "%s %s: no server of %s asks for a client certificate", name, effect, gateway.Key).
			WithHint("use requestPrincipals, ipBlocks or remoteIpBlocks, or a server with tls.mode MUTUAL"))
	}
	return out
}

func peerFields(s *securityv1beta1.Source) []field {
	return []field{
		{"principals", s.GetPrincipals()}, {"notPrincipals", s.GetNotPrincipals()},
		{"namespaces", s.GetNamespaces()}, {"notNamespaces", s.GetNotNamespaces()},
		{"serviceAccounts", s.GetServiceAccounts()}, {"notServiceAccounts", s.GetNotServiceAccounts()},
		{"trustDomains", s.GetTrustDomains()}, {"notTrustDomains", s.GetNotTrustDomains()},
	}
}

func isPeerKey(key string) bool {
	return slices.Contains([]string{"source.principal", "source.namespace", "source.serviceAccount", "source.trustDomain"}, key)
}

// fieldName returns the field of a source, or the key of a condition.
func fieldName(u use) string {
	if name, ok := u.path[len(u.path)-2].(string); ok {
		return name
	}
	return u.value
}

// operations warns of hosts and paths that are compared otherwise than they read.
func (c policyChecks) operations(policy *resource.Resource, spec *securityv1beta1.AuthorizationPolicy, at []workloadScope) diag.List {
	var out diag.List
	folding := c.foldingCase.find(at...)
	for i, rule := range spec.GetRules() {
		for j, to := range rule.GetTo() {
			path, o := resource.Path{"spec", "rules", i, "to", j, "operation"}, to.GetOperation()
			out = append(out, c.hostsServed(policy, path.Field("hosts"), o.GetHosts())...)
			out = append(out, c.hostsServed(policy, path.Field("notHosts"), o.GetNotHosts())...)
			out = append(out, c.allowedHosts(policy, spec, path, o)...)
			out = append(out, c.pathsNever(policy, path, o)...)
			paths := permissiveField(spec, o.GetPaths(), o.GetNotPaths())
			if n := slices.IndexFunc(paths, hasLetter); n >= 0 && folding != nil {
				out = append(out, diagnosticAt(diag.CodeIgnoredCase, policy, path.Field(permissiveField(spec, "paths", "notPaths"), n), "%q is compared with regard to case, but routes of %s ignore it: %q gets by this rule", paths[n], folding.Key, swapCase(paths[n])).
					WithHint("take ignoreUriCase out of the route, or list what is allowed in an ALLOW policy's paths"))
			}
		}
	}
	return out
}

// permissiveField returns which of a field and its negation lets a request through that it does not
// recognise: what a DENY or CUSTOM rule names, and what any other rule excepts.
func permissiveField[T any](spec *securityv1beta1.AuthorizationPolicy, field, not T) T {
	switch spec.GetAction() {
	case securityv1beta1.AuthorizationPolicy_DENY, securityv1beta1.AuthorizationPolicy_CUSTOM:
		return field
	default:
		return not
	}
}

func hasLetter(path string) bool { return strings.ContainsFunc(path, unicode.IsLetter) }

// swapCase returns the path in another case.
func swapCase(path string) string {
	if upper := strings.ToUpper(path); upper != path {
		return upper
	}
	return strings.ToLower(path)
}

// addresses warns of the client's address behind proxies where no proxy is trusted.
func (c policyChecks) addresses(policy *resource.Resource, spec *securityv1beta1.AuthorizationPolicy) diag.List {
	topology := c.settings.Mesh.Config.GetDefaultConfig().GetGatewayTopology()
	if c.settings.Broken.Mesh || topology.GetNumTrustedProxies() > 0 || topology.GetProxyProtocol() != nil {
		return nil
	}
	found := uses(spec, remoteFields, func(key string) bool { return key == "remote.ip" })
	if len(found) == 0 {
		return nil
	}
	return diag.List{diagnosticAt(diag.CodeRemoteAddress, policy, found[0].path, "no proxy in front of the gateways is trusted, so %s is the address that connects", fieldName(found[0])).
		WithHint("set defaultConfig.gatewayTopology.numTrustedProxies in the mesh configuration, or use %s", strings.NewReplacer("remoteIpBlocks", "ipBlocks", "RemoteIpBlocks", "IpBlocks", "remote.ip", "source.ip").Replace(fieldName(found[0])))}
}

func remoteFields(s *securityv1beta1.Source) []field {
	return []field{{"remoteIpBlocks", s.GetRemoteIpBlocks()}, {"notRemoteIpBlocks", s.GetNotRemoteIpBlocks()}}
}

// normalization warns once where paths are not brought to one form before rules see them,
// and a rule about paths can thereby be got by.
func (c policyChecks) normalization() diag.List {
	mesh := c.settings.Mesh
	mode := mesh.Config.GetPathNormalization().GetNormalization()
	if c.settings.pathForm() == decodedSlashes {
		return nil
	}
	if !slices.ContainsFunc(c.authorizations, permitsByPath) {
		return nil
	}
	path := resource.Path{"pathNormalization", "normalization"}
	d := diag.New(diag.CodePathForm, mesh.At(path), "with the path normalization %s a policy that denies or excepts /admin does not see /%%2fadmin as such a path", mode).WithHint("leave the mode out: the default here is DECODE_AND_MERGE_SLASHES, and refuses other forms that backends resolve")
	d.Field, d.Scope = path.String(), diag.Limited()
	return diag.List{d}
}

func permitsByPath(policy *attached) bool {
	spec := policy.Spec.(*securityv1beta1.AuthorizationPolicy)
	for _, rule := range spec.GetRules() {
		for _, to := range rule.GetTo() {
			if len(permissiveField(spec, to.GetOperation().GetPaths(), to.GetOperation().GetNotPaths())) > 0 {
				return true
			}
		}
	}
	return false
}
