package envoy

import (
	"fmt"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/portreeve/portreeve/translate/model"
)

// listeners renders the ports. A TCP or TLS passthrough port without a route has no
// listener, as in Istio: it is closed.
func listeners(v model.View, d delivery) []*listenerv3.Listener {
	var out []*listenerv3.Listener
	v = withServedLogs(v)
	d.mesh, d.logs = meshConfig(v), accessLogs(v)
	for _, p := range v.Ports {
		switch {
		case p.Traffic == model.HTTP:
			out = append(out, listener(p, d))
		case len(p.Chains) > 0:
			out = append(out, tcpListener(v, p, d))
		}
	}
	for _, l := range out {
		setMeshListener(l, d.mesh)
		l.AccessLog = listenerLogs(v)
	}
	return out
}

// listener renders one port that speaks HTTP in plain text. Nothing in it comes from a
// policy or a route, so editing those never changes it.
func listener(p model.Port, d delivery) *listenerv3.Listener {
	name := listenerName(p)
	return &listenerv3.Listener{
		Name:             name,
		Address:          socketAddress(bindAddress(p), p.Number),
		TrafficDirection: corev3.TrafficDirection_OUTBOUND,
		FilterChains: []*listenerv3.FilterChain{{
			Filters: []*listenerv3.Filter{{
				Name:       "envoy.filters.network.http_connection_manager",
				ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: Any(connectionManager(p, name, d))},
			}},
		}},
	}
}

func listenerName(p model.Port) string { return fmt.Sprintf("%s_%d", bindAddress(p), p.Number) }

func bindAddress(p model.Port) string {
	if p.Bind == "" {
		return "0.0.0.0"
	}
	return p.Bind
}

// routeConfigName is the name of the routes of all plain-text HTTP servers of a port.
func routeConfigName(p model.Port) string {
	if p.Bind == "" {
		return fmt.Sprintf("http.%d", p.Number)
	}
	return fmt.Sprintf("http.%d.%s", p.Number, p.Bind)
}

// connectionManager sets what Istio sets on a gateway.
func connectionManager(p model.Port, listener string, d delivery) *hcmv3.HttpConnectionManager {
	out := &hcmv3.HttpConnectionManager{
		StatPrefix: "outbound_" + listener,
		CodecType:  hcmv3.HttpConnectionManager_AUTO,
		RouteSpecifier: &hcmv3.HttpConnectionManager_Rds{Rds: &hcmv3.Rds{
			ConfigSource:    adsSource(),
			RouteConfigName: routeConfigName(p),
		}},
		ServerName:                  "istio-envoy",
		SetCurrentClientCertDetails: &hcmv3.HttpConnectionManager_SetCurrentClientCertDetails{Subject: wrapperspb.Bool(true), Cert: true, Dns: true, Uri: true},
		StreamIdleTimeout:           durationpb.New(0),
		UpgradeConfigs:              []*hcmv3.HttpConnectionManager_UpgradeConfig{{UpgradeType: "websocket"}},
		HttpFilters:                 httpFilters(d),
	}
	setMeshManager(out, d.mesh)
	out.AccessLog = d.logs
	if routes, ok := d.routes[routeConfigName(p)]; ok {
		out.RouteSpecifier = &hcmv3.HttpConnectionManager_RouteConfig{RouteConfig: routes}
	}
	return out
}

func socketAddress(host string, port uint32) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address:       host,
		PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: port},
	}}}
}
