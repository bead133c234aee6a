package envoy

import (
	"net"
	"strconv"

	tcpproxyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
	"google.golang.org/protobuf/proto"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/model"
)

// tunnelOf returns how the connections of a chain reach the target through a proxy, or nil
// where they go to the destination itself. It is false where the destinations of one route
// differ in that: Envoy tunnels all connections of a chain or none, and bytes that are meant
// for a target must not reach a proxy outside of a tunnel. The chain is then closed.
func tunnelOf(v model.View, p model.Port, c model.Chain) (*tcpproxyv3.TcpProxy_TunnelingConfig, bool) {
	var out *tcpproxyv3.TcpProxy_TunnelingConfig
	first := true
	for i, d := range c.Route {
		if !model.Receives(c.Route, d) {
			continue
		}
		t := tunnel(v.Policy(d.GetDestination(), c.Hosts[i], p.Number).GetTunnel())
		if !first && !proto.Equal(out, t) {
			return nil, false
		}
		out, first = t, false
	}
	return out, true
}

func tunnel(t *networkingv1alpha3.TrafficPolicy_TunnelSettings) *tcpproxyv3.TcpProxy_TunnelingConfig {
	if t == nil {
		return nil
	}
	return &tcpproxyv3.TcpProxy_TunnelingConfig{
		Hostname: net.JoinHostPort(t.GetTargetHost(), strconv.FormatUint(uint64(t.GetTargetPort()), 10)),
		UsePost:  t.GetProtocol() == "POST",
	}
}
