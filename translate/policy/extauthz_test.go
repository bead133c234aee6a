package policy

import (
	"slices"
	"testing"

	extauthzv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3"
	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	gocmp "github.com/google/go-cmp/cmp"
	meshv1alpha1 "istio.io/api/mesh/v1alpha1"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
)

// asking is a view in which one policy after the other asks the provider of a name about everything.
func asking(t *testing.T, mesh string, names ...string) model.View {
	t.Helper()
	config := &meshv1alpha1.MeshConfig{}
	fromYAML(t, mesh, config)
	origin := object(resource.ServiceEntry, &networkingv1alpha3.ServiceEntry{})
	v := model.View{Mesh: &resource.Mesh{Config: config}, Services: []model.Service{{Host: "authz.example", Ports: []model.ServicePort{{Number: 80, Name: "http", Protocol: "GRPC"}}, Origin: origin}}}
	for _, name := range names {
		v.AuthorizationPolicies = append(v.AuthorizationPolicies, authorization(&securityv1beta1.AuthorizationPolicy{
			Action: custom, Rules: []*securityv1beta1.Rule{{}},
			ActionDetail: &securityv1beta1.AuthorizationPolicy_Provider{Provider: &securityv1beta1.AuthorizationPolicy_ExtensionProvider{Name: name}},
		}))
	}
	return v
}

// TestIstioAuthorizers pins Istio's form of a provider's filter.
func TestIstioAuthorizers(t *testing.T) {
	asked := func(provider string) string {
		return `
filterEnabledMetadata: {filter: envoy.filters.http.rbac, path: [{key: istio_ext_authz_shadow_effective_policy_id}], value: {stringMatch: {prefix: istio-ext-authz-` + provider + `}}}
transportApiVersion: V3
`
	}
	for name, c := range map[string]struct{ mesh, want string }{
		"http, minimal": {
			"envoyExtAuthzHttp: {service: foo/authz.example, port: 80}",
			`httpService: {serverUri: {uri: "http://authz.example", cluster: "outbound|80||authz.example", timeout: 600s}}`,
		},
		"http, the newer name of a field wins": {
			"envoyExtAuthzHttp: {service: authz.example, port: 80, includeHeadersInCheck: [a], includeRequestHeadersInCheck: [b]}",
			`{httpService: {serverUri: {uri: "http://authz.example", cluster: "outbound|80||authz.example", timeout: 600s}}, allowedHeaders: {patterns: [{exact: b, ignoreCase: true}]}}`,
		},
		"http, a port that the service does not have": {
			"envoyExtAuthzHttp: {service: authz.example, port: 81, failOpen: true}",
			`{failureModeAllow: true, httpService: {serverUri: {uri: "http://authz.example", cluster: "outbound|81||authz.example", timeout: 600s}}}`,
		},
		"http, full": {
			`envoyExtAuthzHttp: {service: foo/authz.example, port: 80, timeout: 2s, pathPrefix: /p, failOpen: true, statusOnError: "403", includeRequestHeadersInCheck: [x, "y*", "*z"],
  includeAdditionalHeadersInCheck: {b: "2", a: "1"}, includeRequestBodyInCheck: {maxRequestBytes: 9, allowPartialMessage: true, packAsBytes: true},
  headersToUpstreamOnAllow: [u], headersToDownstreamOnDeny: [d], headersToDownstreamOnAllow: ["o*"]}`,
			`{failureModeAllow: true, statusOnError: {code: Forbidden}, withRequestBody: {maxRequestBytes: 9, allowPartialMessage: true, packAsBytes: true},
  allowedHeaders: {patterns: [{exact: x, ignoreCase: true}, {prefix: "y", ignoreCase: true}, {suffix: z, ignoreCase: true}]},
  httpService: {pathPrefix: /p, serverUri: {uri: "http://authz.example", cluster: "outbound|80||authz.example", timeout: 2s},
    authorizationRequest: {headersToAdd: [{key: a, value: "1"}, {key: b, value: "2"}]},
    authorizationResponse: {allowedUpstreamHeaders: {patterns: [{exact: u, ignoreCase: true}]}, allowedClientHeaders: {patterns: [{exact: d, ignoreCase: true}]},
      allowedClientHeadersOnSuccess: {patterns: [{prefix: o, ignoreCase: true}]}}}}`,
		},
		"grpc, minimal": {
			"envoyExtAuthzGrpc: {service: authz.example, port: 80}",
			`grpcService: {envoyGrpc: {clusterName: "outbound|80||authz.example", authority: authz.example}, timeout: 600s}`,
		},
		"grpc, full": {
			`envoyExtAuthzGrpc: {service: foo/authz.example, port: 80, timeout: 2s, failOpen: true, statusOnError: "503", includeRequestBodyInCheck: {maxRequestBytes: 9}}`,
			`{failureModeAllow: true, statusOnError: {code: ServiceUnavailable}, withRequestBody: {maxRequestBytes: 9},
  grpcService: {envoyGrpc: {clusterName: "outbound|80||authz.example", authority: authz.example}, timeout: 2s}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			want, common := &extauthzv3.ExtAuthz{}, &extauthzv3.ExtAuthz{}
			fromYAML(t, c.want, want)
			fromYAML(t, asked("p"), common)
			want.FilterEnabledMetadata, want.TransportApiVersion = common.GetFilterEnabledMetadata(), common.GetTransportApiVersion()
			got, ok := makingOf(asking(t, "extensionProviders: [{name: p, "+c.mesh+"}]", "p")).customFilters()[1].InIstio().(*extauthzv3.ExtAuthz)
			if !ok {
				t.Fatal("nobody is asked")
			}
			equal(t, want, got)
			if err := got.ValidateAll(); err != nil {
				t.Errorf("Envoy refuses it: %v", err)
			}
		})
	}
}

// TestAuthorizersInOrder holds where the filters of several providers stand, and that each
// is asked because of its own rules only.
func TestAuthorizersInOrder(t *testing.T) {
	v := asking(t, "extensionProviders: [{name: a-b, envoyExtAuthzHttp: {service: authz.example, port: 80}}, {name: a, envoyExtAuthzGrpc: {service: authz.example, port: 80}}]", "a-b", "a", "a-b")
	var names, istio []string
	prefixes := map[string]string{}
	for _, f := range Of(v).HTTP {
		names = append(names, f.Name)
		istio = append(istio, f.IstioName)
		if c, ok := f.Config.(*extauthzv3.ExtAuthz); ok {
			prefixes[f.Name] = c.GetFilterEnabledMetadata().GetValue().GetStringMatch().GetPrefix()
		}
		if c, ok := f.Config.(*rbachttpv3.RBAC); ok && c.GetShadowRules() != nil {
			for key := range c.GetShadowRules().GetPolicies() {
				if _, traced := f.Trace.At(key); !traced {
					t.Errorf("no trace of %s", key)
				}
			}
		}
	}
	if diff := gocmp.Diff([]string{
		ClaimHeadersFilter, CustomFilter + "a", ExtAuthzFilter + "a", CustomFilter + "a-b", ExtAuthzFilter + "a-b", JWTFilter, AuditFilter, DenyFilter, AllowFilter,
	}, names); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if want := []string{rbacName, extAuthzName, rbacName, extAuthzName}; !slices.Equal(istio[1:5], want) {
		t.Errorf("Istio's names are %v, want %v", istio[1:5], want)
	}
	if diff := gocmp.Diff(map[string]string{ExtAuthzFilter + "a": "istio-ext-authz-a-ns[", ExtAuthzFilter + "a-b": "istio-ext-authz-a-b-ns["}, prefixes); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestAnAuthorizerThatIsNotThere holds that what nobody configured never opens.
func TestAnAuthorizerThatIsNotThere(t *testing.T) {
	const mesh = `extensionProviders: [{name: absent, envoyExtAuthzGrpc: {service: absent.example, port: 80, failOpen: true}},
{name: portless, envoyExtAuthzHttp: {service: authz.example, port: 81, failOpen: true}}, {name: elsewhere, envoyExtAuthzHttp: {service: other/authz.example, port: 80, failOpen: true}},
{name: tracer, zipkin: {service: authz.example, port: 80}}]`
	for _, name := range []string{"absent", "portless", "elsewhere"} {
		t.Run(name, func(t *testing.T) {
			v := asking(t, mesh, name)
			if got := makingOf(v).customFilters()[1].Config.(*extauthzv3.ExtAuthz); got.GetFailureModeAllow() {
				t.Errorf("it opens: %v", got)
			}
		})
	}
	for _, name := range []string{"nobody", "tracer"} {
		t.Run(name, func(t *testing.T) {
			filters := makingOf(asking(t, mesh, name)).customFilters()
			rules := filters[0].Config.(*rbachttpv3.RBAC).GetRules().GetPolicies()
			if _, denied := rules["istio-ext-authz-"+name+"-ns[foo]-policy[p]-rule[0]-deny-due-to-bad-CUSTOM-action"]; !denied || len(filters) != 1 {
				t.Errorf("what nobody can be asked about is not refused: %v", filters)
			}
		})
	}
}
