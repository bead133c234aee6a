package bootstrap

import (
	"fmt"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/portreeve/portreeve/translate/envoy/match"
)

// controlPlane returns the cluster that leads to the control planes.
//
// They are endpoints of one priority: each stream goes to the next of them, so one that is gone is passed by at the next
// try, and a fleet spreads over all. With priorities Envoy would never leave the first, since nothing checks its health.
func controlPlane(o Options) (*clusterv3.Cluster, error) {
	planes, err := ParseAddresses(o.XDSAddresses)
	if err != nil {
		return nil, fmt.Errorf("xds address: %w", err)
	}
	out := &clusterv3.Cluster{
		Name:                 xdsCluster,
		ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: discovery(planes)},
		ConnectTimeout:       durationpb.New(time.Second),
		LoadAssignment: &endpointv3.ClusterLoadAssignment{ClusterName: xdsCluster, Endpoints: []*endpointv3.LocalityLbEndpoints{{
			LbEndpoints: endpoints(planes),
		}}},
		TypedExtensionProtocolOptions: map[string]*anypb.Any{"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": match.Any(http2(len(planes)))},
	}
	if discovery(planes) == clusterv3.Cluster_STRICT_DNS {
		// A name with addresses of both families is tried by both: localhost, where ::1 has no listener.
		out.DnsLookupFamily = clusterv3.Cluster_ALL
	}
	if planes[0].socket == "" {
		out.UpstreamConnectionOptions = &clusterv3.UpstreamConnectionOptions{TcpKeepalive: &corev3.TcpKeepalive{KeepaliveTime: wrapperspb.UInt32(60)}}
	}
	if o.TLS != nil {
		if err := o.TLS.secure(out, planes); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func endpoints(planes []Address) (out []*endpointv3.LbEndpoint) {
	for _, at := range planes {
		out = append(out, &endpointv3.LbEndpoint{HostIdentifier: &endpointv3.LbEndpoint_Endpoint{
			Endpoint: &endpointv3.Endpoint{Address: at.envoy()},
		}})
	}
	return out
}

// http2 has a control plane that has gone without a word, or hangs, noticed by a ping that is not answered: after 40 s, and where
// there is another one to go to after 15 s. Envoy adds up to 15 % to the interval. The server takes a ping a second.
func http2(planes int) *httpv3.HttpProtocolOptions {
	interval, timeout := 30*time.Second, 10*time.Second
	if planes > 1 {
		interval, timeout = 10*time.Second, 5*time.Second
	}
	return &httpv3.HttpProtocolOptions{UpstreamProtocolOptions: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_{
		ExplicitHttpConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig{
			ProtocolConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_Http2ProtocolOptions{Http2ProtocolOptions: &corev3.Http2ProtocolOptions{
				ConnectionKeepalive: &corev3.KeepaliveSettings{Interval: durationpb.New(interval), Timeout: durationpb.New(timeout)},
			}},
		},
	}}
}
