package differential

import (
	"fmt"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/proto"

	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/explain"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
)

// trial is a set where it is served, and what it is asked.
type trial struct {
	seed uint64
	*set
	place
	certificates *certificates
	requests     []request
	gateway      *explain.Gateway
	// told has all reasons for the same answers, rule by rule.
	told *explain.Gateway
	// explained is what the gateway is made of, plain the same rule by rule.
	explained, plain envoy.Resources
	// served is what Envoy is started with.
	served envoy.Resources
	// outcomes are Envoy's, one for each request.
	outcomes []outcome
}

// prepare compiles the set. Findings refuse it; an error is a fault of explain.
func (t *trial) prepare(log string) (diag.List, error) {
	mesh, policies := t.text(t.place)
	if log != "" {
		mesh += fmt.Sprintf("accessLogFile: %s\naccessLogFormat: '%s'\n", log, logFormat)
	}
	settings := model.DefaultSettings()
	settings.MeshFile = "mesh.yaml"
	settings.Optimization = model.Optimization{Rules: t.rewritten, AnySize: true}
	program := translate.Compile([]source.File{{Path: "mesh.yaml", Content: []byte(mesh)}, {Path: "policy.yaml", Content: []byte(policies)}}, settings)
	gateway := model.Gateway{Namespace: "istio-system", Labels: map[string]string{"istio": "ingressgateway"}}
	whole, refused := program.Static(gateway)
	if len(refused) > 0 {
		return refused, nil
	}
	t.served = whole
	t.explained, t.plain = whole, envoy.Resources{}
	switch t.shape {
	case istios:
		// It is rule by rule as it is.
		t.explained, _ = program.Istio(gateway)
		t.plain, t.served = t.explained, standalone(t.explained)
	case served:
		t.explained, _ = program.For(gateway)
		t.plain, _ = program.Unoptimized().For(gateway)
	default:
		t.plain, _ = program.Unoptimized().Static(gateway)
	}
	var err error
	if t.gateway, err = explain.New(t.explained); err != nil {
		return nil, err
	}
	t.told, err = explain.NewTold(t.explained, t.plain)
	return nil, err
}

// standalone puts routes and endpoints where they are asked for.
func standalone(r envoy.Resources) envoy.Resources {
	out := envoy.Resources{Secrets: r.Secrets}
	for _, l := range r.Listeners {
		l = proto.Clone(l).(*listenerv3.Listener)
		for _, chain := range append(l.GetFilterChains(), l.GetDefaultFilterChain()) {
			for _, f := range chain.GetFilters() {
				inlineRoutes(f, r.Routes)
			}
			inlineSecrets(chain.GetTransportSocket())
		}
		out.Listeners = append(out.Listeners, l)
	}
	for _, c := range r.Clusters {
		out.Clusters = append(out.Clusters, inlineEndpoints(c, r.Endpoints))
	}
	return out
}

// inlineSecrets has the secrets of a listener looked for in the bootstrap.
func inlineSecrets(socket *corev3.TransportSocket) {
	var context tlsv3.DownstreamTlsContext
	if socket.GetTypedConfig().UnmarshalTo(&context) != nil {
		return // it speaks plain text
	}
	common := context.GetCommonTlsContext()
	for _, c := range common.GetTlsCertificateSdsSecretConfigs() {
		c.SdsConfig = nil
	}
	for _, c := range []*tlsv3.SdsSecretConfig{common.GetValidationContextSdsSecretConfig(), common.GetCombinedValidationContext().GetValidationContextSdsSecretConfig()} {
		if c != nil {
			c.SdsConfig = nil
		}
	}
	socket.ConfigType = &corev3.TransportSocket_TypedConfig{TypedConfig: match.Any(&context)}
}

func inlineRoutes(f *listenerv3.Filter, routes []*routev3.RouteConfiguration) {
	var manager hcmv3.HttpConnectionManager
	if f.GetTypedConfig().UnmarshalTo(&manager) != nil {
		return // it reads no requests
	}
	for _, r := range routes {
		if r.GetName() == manager.GetRds().GetRouteConfigName() {
			manager.RouteSpecifier = &hcmv3.HttpConnectionManager_RouteConfig{RouteConfig: r}
			break
		}
	}
	f.ConfigType = &listenerv3.Filter_TypedConfig{TypedConfig: match.Any(&manager)}
}

func inlineEndpoints(c *clusterv3.Cluster, endpoints []*endpointv3.ClusterLoadAssignment) *clusterv3.Cluster {
	for _, e := range endpoints {
		if e.GetClusterName() != c.GetName() {
			continue
		}
		out := proto.Clone(c).(*clusterv3.Cluster)
		out.EdsClusterConfig = nil
		out.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC}
		out.LoadAssignment = e
		return out
	}
	return c
}
