package envoy

import (
	"cmp"
	"slices"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"google.golang.org/protobuf/proto"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/internal/diag"
	"github.com/portreeve/portreeve/translate/model"
)

// Render renders everything that a gateway is served. Equal views give equal resources. The
// policy filters are always all there, empty where nothing applies, so that the first
// policy changes no listener either.
func Render(v model.View) Resources {
	out := Resources{Trace: Trace{}}
	for _, p := range v.Ports {
		out.Listeners = append(out.Listeners, listener(p, delivery{}))
		out.Routes = append(out.Routes, routeConfig(v, p))
	}
	out.Clusters, out.Endpoints = clusters(v.Services)
	out.policy(v)
	slices.SortFunc(out.Clusters, func(a, b *clusterv3.Cluster) int { return cmp.Compare(a.GetName(), b.GetName()) })
	slices.SortFunc(out.Endpoints, func(a, b *endpointv3.ClusterLoadAssignment) int {
		return cmp.Compare(a.GetClusterName(), b.GetClusterName())
	})
	return out
}

// policy renders the extension configs, in the order of the filter chain.
func (r *Resources) policy(v model.View) {
	tokens, from := jwtAuthn(v.RequestAuthentications)
	r.extension(ClaimHeadersFilter, claimHeaders(v.RequestAuthentications), from)
	r.extension(JWTFilter, tokens, from)
	for _, layer := range []struct {
		name   string
		action securityv1beta1.AuthorizationPolicy_Action
	}{
		{AuditFilter, securityv1beta1.AuthorizationPolicy_AUDIT},
		{DenyFilter, securityv1beta1.AuthorizationPolicy_DENY},
		{AllowFilter, securityv1beta1.AuthorizationPolicy_ALLOW},
	} {
		filter, rules := rbacFilter(v.AuthorizationPolicies, layer.action)
		r.extension(layer.name, filter, rules)
	}
}

func (r *Resources) extension(name string, config proto.Message, trace map[string]diag.Position) {
	r.ExtensionConfigs = append(r.ExtensionConfigs, &corev3.TypedExtensionConfig{Name: name, TypedConfig: Any(config)})
	r.Trace[name] = trace
}
