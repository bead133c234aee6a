package manifest

import (
	"maps"

	"google.golang.org/protobuf/proto"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/resource"
)

const (
	// redactedText stands where a secret was. It is valid in every header.
	redactedText = "redacted"
	// lastApplied is where kubectl keeps the object once more, with all that is in it.
	lastApplied = "kubectl.kubernetes.io/last-applied-configuration"
)

// Redacted returns resources as they may be shown to anybody, and whether anything was taken
// out. They stay valid, and let through no more: with what stands in place of a symmetric key
// no token verifies. The resources given are not changed.
func Redacted(resources []*resource.Resource) ([]*resource.Resource, bool) {
	out, withheld := make([]*resource.Resource, 0, len(resources)), false
	for _, r := range resources {
		shown := *r
		out = append(out, &shown)
		if _, kept := r.Annotations[lastApplied]; kept {
			shown.Annotations, withheld = maps.Clone(r.Annotations), true
			delete(shown.Annotations, lastApplied)
		}
		spec := proto.Clone(r.Spec)
		switch spec := spec.(type) {
		case *securityv1beta1.RequestAuthentication:
			for _, rule := range spec.GetJwtRules() {
				if rule.GetJwks() != "" {
					rule.Jwks = resource.ShownKeys(rule.GetJwks())
				}
				rule.JwksUri = resource.ShownAddress(rule.GetJwksUri())
			}
		case *networkingv1alpha3.VirtualService:
			for _, h := range headersOf(spec) {
				withoutCredentials(h)
			}
		}
		if !proto.Equal(spec, r.Spec) {
			shown.Spec, withheld = spec, true
		}
	}
	return out, withheld
}

// headersOf returns the headers that a VirtualService sets, wherever it does.
func headersOf(spec *networkingv1alpha3.VirtualService) []*networkingv1alpha3.Headers {
	var out []*networkingv1alpha3.Headers
	for _, route := range spec.GetHttp() {
		out = append(out, route.GetHeaders())
		for _, d := range route.GetRoute() {
			out = append(out, d.GetHeaders())
		}
	}
	return out
}

func withoutCredentials(h *networkingv1alpha3.Headers) {
	for _, operations := range []*networkingv1alpha3.Headers_HeaderOperations{h.GetRequest(), h.GetResponse()} {
		for _, values := range []map[string]string{operations.GetSet(), operations.GetAdd()} {
			for name := range values {
				if resource.Credential(name) {
					values[name] = redactedText
				}
			}
		}
	}
}
