package translate

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/durationpb"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	filterchainv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/filter_chain/v3"
	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/policy"
	"github.com/portreeve/portreeve/translate/source"
)

// traced is a gateway with routes, a service, what is said of it, a policy and connections.
const traced = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: front, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 8080, name: http, protocol: HTTP}, hosts: ["*"]}
  - {port: {number: 9000, name: tcp, protocol: TCP}, hosts: ["*"]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: istio-system}
spec:
  hosts: [shop.example]
  gateways: [front]
  http:
  - match: [{uri: {prefix: /a}}]
    redirect: {uri: /b}
  - match: [{uri: {prefix: /team}}]
    delegate: {name: team}
  - route: [{destination: {host: backend.example}}]
  tcp:
  - route: [{destination: {host: backend.example}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: team, namespace: istio-system}
spec:
  http:
  - directResponse: {status: 200}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: backend, namespace: istio-system}
spec: {hosts: [backend.example], ports: [{number: 80, name: http, protocol: HTTP}], resolution: STATIC, endpoints: [{address: 127.0.0.1}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: backend, namespace: istio-system}
spec:
  host: backend.example
  trafficPolicy:
    loadBalancer: {consistentHash: {httpHeaderName: x-user}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: closed, namespace: istio-system}
spec:
  action: DENY
  rules:
  - to: [{operation: {paths: [/admin]}}]
`

// tracedProgram returns what it compiles to, and a gateway that it is for.
func tracedProgram(t *testing.T) (*Program, model.Gateway) {
	t.Helper()
	p := Compile([]source.File{{Path: "f.yaml", Content: []byte(traced)}}, model.DefaultSettings())
	if p.Diags.HasErrors() {
		t.Fatal(p.Diags)
	}
	return p, model.Gateway{Namespace: "istio-system", Labels: map[string]string{"istio": "ingressgateway"}}
}

// TestAViolationStandsAtItsObject breaks a rule of Envoy's API in one part of what is rendered after
// the other, and holds that the whole of it is refused, at the object that the part comes from.
func TestAViolationStandsAtItsObject(t *testing.T) {
	for name, c := range map[string]struct {
		breaks func(r envoy.Resources)
		line   string
	}{
		"a hash policy, at the DestinationRule": {func(r envoy.Resources) {
			r.Routes[0].GetVirtualHosts()[0].GetRoutes()[2].GetRoute().GetHashPolicy()[0].PolicySpecifier = &routev3.RouteAction_HashPolicy_Header_{Header: &routev3.RouteAction_HashPolicy_Header{}}
		}, "loadBalancer:"},
		"a route, at its place in the VirtualService": {func(r envoy.Resources) { r.Routes[0].GetVirtualHosts()[0].GetRoutes()[0].Match = nil }, "- match:"},
		"a route of a delegate, at the delegate":      {func(r envoy.Resources) { r.Routes[0].GetVirtualHosts()[0].GetRoutes()[1].Match = nil }, "- directResponse:"},
		"the action of a route": {func(r envoy.Resources) {
			r.Routes[0].GetVirtualHosts()[0].GetRoutes()[2].GetRoute().ClusterSpecifier = nil
		}, "- route: [{destination: {host: backend.example}}]"},
		"a virtual host, at the VirtualService": {func(r envoy.Resources) { r.Routes[0].GetVirtualHosts()[0].Domains = nil }, "hosts: [shop.example]"},
		"routes, at the server": {func(r envoy.Resources) {
			r.Routes[0].MaxDirectResponseBodySizeBytes = nil
			r.Routes[0].InternalOnlyHeaders = []string{"\n"}
		}, "- {port: {number: 8080"},
		"a listener, at the server":         {func(r envoy.Resources) { r.Listeners[0].GetAddress().GetSocketAddress().Address = "" }, "- {port: {number: 8080"},
		"a chain of connections":            {func(r envoy.Resources) { proxyOf(t, r).Name = "" }, "hosts: [shop.example]"},
		"a cluster, at the DestinationRule": {func(r envoy.Resources) { r.Clusters[0].ConnectTimeout = durationpb.New(-1) }, "    loadBalancer:"},
		"endpoints, at the service": {func(r envoy.Resources) {
			r.Endpoints[0].GetEndpoints()[0].GetLbEndpoints()[0].GetEndpoint().GetAddress().GetSocketAddress().Address = ""
		}, "spec: {hosts: [backend"},
		"a rule of a policy": {func(r envoy.Resources) {
			repack(t, r, func(f *rbachttpv3.RBAC) {
				for _, p := range f.GetRules().GetPolicies() {
					p.Permissions = []*rbacv3.Permission{}
				}
			})
		}, "- to:"},
		"an Any of a type that nobody knows, at its cluster": {func(r envoy.Resources) {
			r.Clusters[0].TypedExtensionProtocolOptions = map[string]*anypb.Any{"a": {TypeUrl: "type.googleapis.com/a.B"}}
		}, "    loadBalancer:"},
	} {
		t.Run(name, func(t *testing.T) {
			p, g := tracedProgram(t)
			breaks := func(v model.View, f policy.Policy) envoy.Resources {
				r := envoy.Render(v, f)
				c.breaks(r)
				return r
			}
			resources, refused := p.render(g, p.optimization, breaks)
			if len(refused) == 0 || len(resources.Listeners)+len(resources.ExtensionConfigs)+len(resources.Clusters) > 0 {
				t.Fatalf("it is rendered; refused: %v", refused)
			}
			for _, d := range refused {
				if d.Code != diag.CodeConstraint || !p.InScope(d.Scope, g) || p.InScope(d.Scope, model.Gateway{Namespace: "elsewhere"}) {
					t.Errorf("%s reaches %v", d, d.Scope)
				}
				if want := lineOf(c.line); d.Pos.Line != want {
					t.Errorf("%s, want line %d", d, want)
				}
			}
			if _, refused := p.For(g); len(refused) > 0 {
				t.Errorf("what is right is refused after what is not: %v", refused)
			}
		})
	}
}

// lineOf is the line of a text in traced.
func lineOf(text string) int {
	before, _, _ := strings.Cut(traced, text)
	return 1 + strings.Count(before, "\n")
}

func proxyOf(t *testing.T, r envoy.Resources) *listenerv3.Filter {
	t.Helper()
	filters := r.Listeners[1].GetFilterChains()[0].GetFilters()
	return filters[len(filters)-1]
}

// repack changes the filter that denies in the chain of policy.
func repack(t *testing.T, r envoy.Resources, change func(*rbachttpv3.RBAC)) {
	t.Helper()
	chain := &filterchainv3.FilterChainConfig{}
	if err := r.ExtensionConfigs[0].GetTypedConfig().UnmarshalTo(chain); err != nil {
		t.Fatal(err)
	}
	for _, f := range chain.GetDefaultFilterChain().GetFilters() {
		config := &rbachttpv3.RBAC{}
		if f.GetName() != policy.DenyFilter || f.GetTypedConfig().UnmarshalTo(config) != nil {
			continue
		}
		change(config)
		f.TypedConfig = match.Any(config)
	}
	r.ExtensionConfigs[0].TypedConfig = match.Any(chain)
}
