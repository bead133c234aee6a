package model

import (
	"cmp"
	"slices"
	"strings"

	meshv1alpha1 "istio.io/api/mesh/v1alpha1"
	securityv1beta1 "istio.io/api/security/v1beta1"
)

// Provider is an external authorizer, which CUSTOM policies ask.
type Provider struct {
	Name string
	// HTTP or GRPC is its entry of the mesh configuration; exactly one is set.
	HTTP *meshv1alpha1.MeshConfig_ExtensionProvider_EnvoyExternalAuthorizationHttpProvider
	GRPC *meshv1alpha1.MeshConfig_ExtensionProvider_EnvoyExternalAuthorizationGrpcProvider
	// Host is the host of its service.
	Host Host
	// Cluster is the name of the cluster of its service.
	Cluster string
	// Served says that the gateway sees this service, with this port. Where it does not, the
	// cluster is one that has no endpoints, and every request that asks the provider is refused.
	Served bool
}

// providerService is the part that both kinds of authorizers have.
type providerService interface {
	GetService() string
	GetPort() uint32
}

// authorizer returns what the mesh configuration says of an authorizer, and the name of the
// field that says it, or nil for an extension provider of another kind.
func authorizer(p *meshv1alpha1.MeshConfig_ExtensionProvider) (providerService, string) {
	switch {
	case p.GetEnvoyExtAuthzHttp() != nil:
		return p.GetEnvoyExtAuthzHttp(), "envoyExtAuthzHttp"
	case p.GetEnvoyExtAuthzGrpc() != nil:
		return p.GetEnvoyExtAuthzGrpc(), "envoyExtAuthzGrpc"
	default:
		return nil, ""
	}
}

// serviceHost splits a provider's service, [namespace/]host.
func serviceHost(written string) (namespace string, host Host) {
	namespace, name, qualified := strings.Cut(written, "/")
	if !qualified {
		namespace, name = "", written
	}
	return namespace, Host(strings.ToLower(name))
}

// Provider returns the authorizer of a name, and false where the mesh configuration has none.
func (v View) Provider(name string) (Provider, bool) {
	if v.Mesh == nil {
		return Provider{}, false
	}
	for _, p := range v.Mesh.Config.GetExtensionProviders() {
		service, _ := authorizer(p)
		if p.GetName() != name || service == nil {
			continue
		}
		out := Provider{Name: name, HTTP: p.GetEnvoyExtAuthzHttp(), GRPC: p.GetEnvoyExtAuthzGrpc()}
		var namespace string
		namespace, out.Host = serviceHost(service.GetService())
		out.Cluster = ClusterName(out.Host, service.GetPort())
		s, visible := v.service(out.Host)
		if visible && (namespace == "" && v.ambiguous[out.Host] || namespace != "" && s.Origin.Namespace != namespace) {
			// The name is another namespace's service here, or nobody knows whose. It must not be
			// asked instead, so the cluster gets a name that no service has. As in Istio, a
			// second definition anywhere is enough: it must not take an authorizer over.
			out.Cluster, visible = ClusterName(Host(cmp.Or(namespace, "*")+"/")+out.Host, service.GetPort()), false
		}
		_, has := s.Port(service.GetPort())
		out.Served = visible && has
		return out, true
	}
	return Provider{}, false
}

// ProviderNames returns the names of the providers that the CUSTOM policies which apply
// name, each once, in order.
func (v View) ProviderNames() []string {
	var out []string
	for _, p := range v.AuthorizationPolicies {
		if spec := p.Spec.(*securityv1beta1.AuthorizationPolicy); spec.GetAction() == securityv1beta1.AuthorizationPolicy_CUSTOM {
			out = append(out, spec.GetProvider().GetName())
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// GRPCProviders returns the gRPC authorizers of the mesh configuration, whether a policy asks
// them or not, ordered by name.
func (v View) GRPCProviders() []Provider {
	if v.Mesh == nil {
		return nil
	}
	var out []Provider
	for _, configured := range v.Mesh.Config.GetExtensionProviders() {
		if p, ok := v.Provider(configured.GetName()); ok && p.GRPC != nil {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b Provider) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// SpeaksHTTP2 reports whether a port's protocol is spoken as HTTP/2, as gRPC is.
func SpeaksHTTP2(protocol string) bool {
	return slices.ContainsFunc([]string{"HTTP2", "GRPC", "GRPC-WEB"}, func(p string) bool { return strings.EqualFold(p, protocol) })
}
