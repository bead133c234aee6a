// Package bootstrap makes the file that an Envoy gateway is started with.
package bootstrap

import (
	"fmt"
	"time"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/model"
)

// xdsCluster is the name of the cluster that leads to the control plane.
const xdsCluster = "xds-grpc"

// maxProgramSize is the largest regular expression that a gateway accepts, in RE2's
// instructions.
const maxProgramSize = 32768

// Options say who the gateway is and where it finds things.
type Options struct {
	Name    string
	Gateway model.Gateway
	// XDSAddresses are those of the control planes, as ParseAddresses reads them. The gateway is connected to one, and goes to
	// the next when that is gone.
	XDSAddresses []string
	// AdminAddress is where Envoy's own admin interface listens.
	AdminAddress string
	// TLS is how the control planes and the gateway prove who they are; nil is plain text.
	TLS *TLS
}

// New returns the bootstrap of a gateway that is fed by delta ADS.
func New(o Options) (*bootstrapv3.Bootstrap, error) {
	plane, err := controlPlane(o)
	if err != nil {
		return nil, err
	}
	out, err := base(o)
	if err != nil {
		return nil, err
	}
	out.DynamicResources = &bootstrapv3.Bootstrap_DynamicResources{
		LdsConfig: adsSource(), CdsConfig: adsSource(),
		AdsConfig: &corev3.ApiConfigSource{
			ApiType:                   corev3.ApiConfigSource_DELTA_GRPC,
			TransportApiVersion:       corev3.ApiVersion_V3,
			SetNodeOnFirstMessageOnly: true,
			GrpcServices: []*corev3.GrpcService{{TargetSpecifier: &corev3.GrpcService_EnvoyGrpc_{
				EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{ClusterName: xdsCluster, RetryPolicy: retries()},
			}}},
		},
	}
	out.StaticResources = &bootstrapv3.Bootstrap_StaticResources{Clusters: []*clusterv3.Cluster{plane}}
	return out, nil
}

// Static returns a bootstrap that holds the gateway's whole configuration.
func Static(o Options, r envoy.Resources) (*bootstrapv3.Bootstrap, error) {
	out, err := base(o)
	if err != nil {
		return nil, err
	}
	out.StaticResources = &bootstrapv3.Bootstrap_StaticResources{Listeners: r.Listeners, Clusters: r.Clusters, Secrets: r.Secrets}
	return out, nil
}

func base(o Options) (*bootstrapv3.Bootstrap, error) {
	host, port, err := hostPort(o.AdminAddress)
	if err != nil {
		return nil, fmt.Errorf("envoy admin address: %w", err)
	}
	labels := map[string]any{}
	for k, v := range o.Gateway.Labels {
		labels[k] = v
	}
	metadata, err := structpb.NewStruct(map[string]any{"NAMESPACE": o.Gateway.Namespace, "LABELS": labels})
	if err != nil {
		return nil, fmt.Errorf("labels: %w", err)
	}
	limits, err := structpb.NewStruct(map[string]any{
		// Envoy's own limit of 100 refuses ordinary expressions, such as those that a long
		// namespace or principal with a wildcard becomes; this is Istio's.
		"re2.max_program_size.error_level": maxProgramSize,
	})
	if err != nil {
		return nil, fmt.Errorf("runtime: %w", err)
	}
	return &bootstrapv3.Bootstrap{
		StatsConfig: statistics(),
		LayeredRuntime: &bootstrapv3.LayeredRuntime{Layers: []*bootstrapv3.RuntimeLayer{{
			Name: "limits", LayerSpecifier: &bootstrapv3.RuntimeLayer_StaticLayer{StaticLayer: limits},
		}}},
		Node: &corev3.Node{
			Id:       fmt.Sprintf("router~127.0.0.1~%s.%s~%s.svc.cluster.local", o.Name, o.Gateway.Namespace, o.Gateway.Namespace),
			Cluster:  o.Name + "." + o.Gateway.Namespace,
			Metadata: metadata,
		},
		Admin: &bootstrapv3.Admin{Address: socketAddress(host, port)},
	}, nil
}

// retries has Envoy ask again soon: by its own back-off it would take half a minute to warn that it
// cannot connect, and as long to come back. The longest wait keeps a fleet from knocking in step.
func retries() *corev3.RetryPolicy {
	return &corev3.RetryPolicy{RetryBackOff: &corev3.BackoffStrategy{
		BaseInterval: durationpb.New(500 * time.Millisecond), MaxInterval: durationpb.New(5 * time.Second),
	}}
}

func adsSource() *corev3.ConfigSource {
	return &corev3.ConfigSource{
		ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}},
		InitialFetchTimeout:   durationpb.New(0),
		ResourceApiVersion:    corev3.ApiVersion_V3,
	}
}

func socketAddress(host string, port uint32) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address: host, PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: port},
	}}}
}
