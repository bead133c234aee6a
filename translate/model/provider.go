package model

import (
	"cmp"
	"slices"
	"strings"

	meshv1alpha1 "istio.io/api/mesh/v1alpha1"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
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

// checkProviders reports CUSTOM policies whose provider nobody defines, and warns of
// providers that cannot be asked.
func (m *Model) checkProviders() diag.List {
	var out diag.List
	known := map[string]bool{}
	for i, p := range m.settings.Mesh.Config.GetExtensionProviders() {
		if service, field := authorizer(p); service != nil {
			known[p.GetName()] = true
			out = append(out, m.checkProvider(resource.Path{"extensionProviders", i, field}, service)...)
		}
	}
	for _, policies := range m.policies[resource.AuthorizationPolicy] {
		for _, policy := range policies {
			name := policy.Spec.(*securityv1beta1.AuthorizationPolicy).GetProvider().GetName()
			if name == "" || known[name] {
				continue
			}
			d := finding(diag.CodeUnknownProvider, policy, resource.Path{"spec", "provider", "name"}, "the mesh configuration has no external authorizer %q", name)
			d.Reach = attachmentOf(policy).reach(policy.Namespace)
			out = append(out, d.WithHint("%s", knownProviders(known)))
		}
	}
	return out
}

func knownProviders(known map[string]bool) string {
	if len(known) == 0 {
		return "define it in extensionProviders, as envoyExtAuthzHttp or envoyExtAuthzGrpc"
	}
	names := make([]string, 0, len(known))
	for name := range known {
		names = append(names, name)
	}
	slices.Sort(names)
	return "one of " + strings.Join(names, ", ")
}

// checkProvider warns where requests about which a provider would be asked are refused, or
// where it will not understand the question.
func (m *Model) checkProvider(path resource.Path, service providerService) diag.List {
	namespace, host := serviceHost(service.GetService())
	if host == "" {
		return nil
	}
	var ports []ServicePort
	found := false
	for _, s := range m.services.of(host) {
		if namespace == "" || namespace == s.Origin.Namespace {
			found = true
			if port, ok := s.Port(service.GetPort()); ok {
				ports = append(ports, port)
			}
		}
	}
	if namespace == "" && m.services.ambiguous[host] {
		return diag.List{m.meshFinding(diag.CodeProviderAmbiguous, path.Field("service"), "several namespaces define %s, so every request that asks this provider is refused", service.GetService()).
			WithHint("write namespace/%s", host)}
	}
	_, grpc := service.(*meshv1alpha1.MeshConfig_ExtensionProvider_EnvoyExternalAuthorizationGrpcProvider)
	switch {
	case !found:
		return diag.List{m.meshFinding(diag.CodeProviderService, path.Field("service"), "no service defines %s, so every request that asks this provider is refused", service.GetService()).
			WithHint("add a ServiceEntry with this host")}
	case len(ports) == 0:
		return diag.List{m.meshFinding(diag.CodeProviderPort, path.Field("port"), "the service %s has no port %d, so every request that asks this provider is refused", service.GetService(), service.GetPort()).
			WithHint("the number of one of the ServiceEntry's ports")}
	case grpc && !slices.ContainsFunc(ports, func(p ServicePort) bool { return SpeaksHTTP2(p.Protocol) }):
		return diag.List{m.meshFinding(diag.CodeProviderProtocol, path.Field("port"), "port %d of %s does not have the protocol GRPC or HTTP2, so the provider is not spoken to in gRPC", service.GetPort(), service.GetService()).
			WithHint("protocol: GRPC at that port of the ServiceEntry")}
	}
	return nil
}

// meshFinding returns a finding in the mesh configuration. It reaches nobody, since it is a warning.
func (m *Model) meshFinding(code diag.Code, path resource.Path, format string, args ...any) diag.Diagnostic {
	d := diag.New(code, m.settings.Mesh.At(path), format, args...)
	d.Object, d.Field, d.Reach = "MeshConfig", path.String(), diag.Limited()
	return d
}
