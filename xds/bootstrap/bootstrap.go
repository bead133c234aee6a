// Package bootstrap makes the file that an Envoy gateway is started with.
package bootstrap

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/envoy/match"
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
	// XDSAddress is the control plane's host:port; AdminAddress is where Envoy's own admin
	// interface listens.
	XDSAddress, AdminAddress string
}

// New returns the bootstrap of a gateway that is fed by delta ADS.
func New(o Options) (*bootstrapv3.Bootstrap, error) {
	host, port, err := splitAddress(o.XDSAddress)
	if err != nil {
		return nil, fmt.Errorf("xds address: %w", err)
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
				EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{ClusterName: xdsCluster},
			}}},
		},
	}
	out.StaticResources = &bootstrapv3.Bootstrap_StaticResources{Clusters: []*clusterv3.Cluster{controlPlane(host, port)}}
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
	host, port, err := splitAddress(o.AdminAddress)
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

func controlPlane(host string, port uint32) *clusterv3.Cluster {
	kind := clusterv3.Cluster_STRICT_DNS
	if _, err := netip.ParseAddr(host); err == nil {
		kind = clusterv3.Cluster_STATIC
	}
	http2 := &httpv3.HttpProtocolOptions{UpstreamProtocolOptions: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_{
		ExplicitHttpConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig{
			ProtocolConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_Http2ProtocolOptions{Http2ProtocolOptions: &corev3.Http2ProtocolOptions{
				// A control plane that has gone without a word is noticed, and connected to again.
				ConnectionKeepalive: &corev3.KeepaliveSettings{Interval: durationpb.New(30 * time.Second), Timeout: durationpb.New(10 * time.Second)},
			}},
		},
	}}
	return &clusterv3.Cluster{
		Name:                 xdsCluster,
		ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: kind},
		ConnectTimeout:       durationpb.New(time.Second),
		LoadAssignment: &endpointv3.ClusterLoadAssignment{ClusterName: xdsCluster, Endpoints: []*endpointv3.LocalityLbEndpoints{{
			LbEndpoints: []*endpointv3.LbEndpoint{{HostIdentifier: &endpointv3.LbEndpoint_Endpoint{
				Endpoint: &endpointv3.Endpoint{Address: socketAddress(host, port)},
			}}},
		}}},
		TypedExtensionProtocolOptions: map[string]*anypb.Any{"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": match.Any(http2)},
		UpstreamConnectionOptions:     &clusterv3.UpstreamConnectionOptions{TcpKeepalive: &corev3.TcpKeepalive{KeepaliveTime: wrapperspb.UInt32(60)}},
	}
}

func adsSource() *corev3.ConfigSource {
	return &corev3.ConfigSource{
		ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}},
		InitialFetchTimeout:   durationpb.New(0),
		ResourceApiVersion:    corev3.ApiVersion_V3,
	}
}

func splitAddress(address string) (string, uint32, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || host == "" {
		return "", 0, fmt.Errorf("%q is not host:port", address)
	}
	return host, uint32(n), nil
}

func socketAddress(host string, port uint32) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address: host, PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: port},
	}}}
}
