package model

import (
	"slices"
	"strings"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
	meshv1alpha1 "istio.io/api/mesh/v1alpha1"
	securityv1beta1 "istio.io/api/security/v1beta1"
)

// providers reports CUSTOM policies whose provider nobody defines, and warns of
// providers that cannot be asked.
func (c providerChecks) providers() diag.List {
	var out diag.List
	known := map[string]bool{}
	for i, p := range c.settings.Mesh.Config.GetExtensionProviders() {
		if service, field := authorizer(p); service != nil {
			known[p.GetName()] = true
			out = append(out, c.provider(resource.Path{"extensionProviders", i, field}, service)...)
		}
	}
	if c.settings.Broken.Mesh {
		return out
	}
	for _, policies := range c.policies[resource.AuthorizationPolicy] {
		for _, policy := range policies {
			name := policy.Spec.(*securityv1beta1.AuthorizationPolicy).GetProvider().GetName()
			if name == "" || known[name] {
				continue
			}
			d := diagnosticAt(diag.CodeUnknownProvider, policy.Resource, resource.Path{"spec", "provider", "name"}, "the mesh configuration has no external authorizer %q", name)
			d.Scope = policy.attachment.scope(policy.Namespace)
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

// provider warns where requests about which a provider would be asked are refused, or
// where it will not understand the question.
func (c providerChecks) provider(path resource.Path, service providerService) diag.List {
	namespace, host := serviceHost(service.GetService())
	if host == "" {
		return nil
	}
	var ports []ServicePort
	found := false
	for _, s := range c.services.of(host) {
		if namespace == "" || namespace == s.Origin.Namespace {
			found = true
			if port, ok := s.Port(service.GetPort()); ok {
				ports = append(ports, port)
			}
		}
	}
	if namespace == "" && c.services.ambiguous[host] {
		return diag.List{c.meshDiagnostic(diag.CodeProviderAmbiguous, path.Field("service"), "several namespaces define %s, so every request that asks this provider is refused", service.GetService()).
			WithHint("write namespace/%s", host)}
	}
	_, grpc := service.(*meshv1alpha1.MeshConfig_ExtensionProvider_EnvoyExternalAuthorizationGrpcProvider)
	switch {
	case len(ports) == 0 && c.settings.Broken.service():
		return nil
	case !found:
		return diag.List{c.meshDiagnostic(diag.CodeProviderService, path.Field("service"), "no service defines %s, so every request that asks this provider is refused", service.GetService()).
			WithHint("add a ServiceEntry with this host")}
	case len(ports) == 0:
		return diag.List{c.meshDiagnostic(diag.CodeProviderPort, path.Field("port"), "the service %s has no port %d, so every request that asks this provider is refused", service.GetService(), service.GetPort()).
			WithHint("the number of one of the ServiceEntry's ports")}
	case grpc && !slices.ContainsFunc(ports, func(p ServicePort) bool { return SpeaksHTTP2(p.Protocol) }):
		return diag.List{c.meshDiagnostic(diag.CodeProviderProtocol, path.Field("port"), "port %d of %s does not have the protocol GRPC or HTTP2, so the provider is not spoken to in gRPC", service.GetPort(), service.GetService()).
			WithHint("protocol: GRPC at that port of the ServiceEntry")}
	}
	return nil
}

// meshDiagnostic returns a finding in the mesh configuration. It reaches nobody, since it is a warning.
func (c *checks) meshDiagnostic(code diag.Code, path resource.Path, format string, args ...any) diag.Diagnostic {
	d := diag.New(code, c.settings.Mesh.At(path), format, args...)
	d.Object, d.Field, d.Scope = "MeshConfig", path.String(), diag.Limited()
	return d
}
