package envoy

import (
	"fmt"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/model"
)

// listeners renders the ports. A TCP or TLS port without any way for connections has no
// listener, as in Istio: it is closed.
func listeners(v model.View, d delivery) []*listenerv3.Listener {
	var out []*listenerv3.Listener
	v = withServedLogs(v)
	d.mesh, d.logs, d.services = meshConfig(v), accessLogs(v), v.Services
	for _, p := range v.Ports {
		switch {
		case p.Traffic == model.HTTP:
			out = append(out, listener(p, d))
		case len(p.Chains) > 0:
			out = append(out, chainListener(v, p, d))
		}
	}
	for _, l := range out {
		setMeshListener(l, d.mesh)
		countListener(l)
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
		Address:          listenAddress(p),
		TrafficDirection: corev3.TrafficDirection_OUTBOUND,
		FilterChains:     []*listenerv3.FilterChain{{Filters: managerFilters(p, name, d)}},
	}
}

// managerFilters are those of a chain whose requests are read. Policy is inside the manager.
func managerFilters(p model.Port, listener string, d delivery) []*listenerv3.Filter {
	return []*listenerv3.Filter{{
		Name:       "envoy.filters.network.http_connection_manager",
		ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: match.Any(connectionManager(p, listener, d))},
	}}
}

func listenerName(p model.Port) string { return fmt.Sprintf("%s_%d", bindAddress(p), p.Number) }

// listenAddress is where a listener takes connections in: an address and port, or a unix socket.
func listenAddress(p model.Port) *corev3.Address {
	return endpointAddress(model.Endpoint{Address: bindAddress(p), Port: p.Number})
}

func bindAddress(p model.Port) string {
	if p.Bind == "" {
		return "0.0.0.0"
	}
	return p.Bind
}

// routeConfigName is the name of the routes of all plain-text HTTP servers of a port, or of
// one HTTPS server.
func routeConfigName(p model.Port) string {
	if p.Server != nil {
		return p.Server.Routes(p.Bind, p.Number)
	}
	out := fmt.Sprintf("http.%d", p.Number)
	if p.Bind == "" {
		return out
	}
	return out + "." + p.Bind
}

// routedPorts returns whatever has routes for requests: HTTP ports and HTTPS servers.
func routedPorts(v model.View) []model.Port {
	var out []model.Port
	for _, p := range v.Ports {
		if p.Traffic == model.HTTP {
			out = append(out, p)
		}
		for _, c := range p.Chains {
			if c.HTTP != nil {
				out = append(out, *c.HTTP)
			}
		}
	}
	return out
}

// connectionManager sets what Istio sets on a gateway.
func connectionManager(p model.Port, listener string, d delivery) *hcmv3.HttpConnectionManager {
	out := &hcmv3.HttpConnectionManager{
		StatPrefix: statPrefix(p, listener),
		CodecType:  hcmv3.HttpConnectionManager_AUTO,
		RouteSpecifier: &hcmv3.HttpConnectionManager_Rds{Rds: &hcmv3.Rds{
			ConfigSource:    adsSource(),
			RouteConfigName: routeConfigName(p),
		}},
		ServerName:                  "istio-envoy",
		SetCurrentClientCertDetails: &hcmv3.HttpConnectionManager_SetCurrentClientCertDetails{Subject: wrapperspb.Bool(true), Cert: true, Dns: true, Uri: true},
		StreamIdleTimeout:           durationpb.New(0),
		UpgradeConfigs:              []*hcmv3.HttpConnectionManager_UpgradeConfig{{UpgradeType: "websocket"}},
		HttpFilters:                 httpFilters(p, d),
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
