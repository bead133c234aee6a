package resource

import (
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
)

// tunnel checks where a proxy is asked to lead connections. The target becomes a part of the
// request, so it has to be a name or an address and nothing else.
func (c destinationRuleChecker) tunnel(path Path, p *networkingv1alpha3.TrafficPolicy) {
	t := p.GetTunnel()
	if t == nil {
		return
	}
	if p.GetProxyProtocol() != nil {
		c.addKey(diag.CodeOneOf, path, "%s stands beside proxyProtocol", path).WithHint("keep one of them")
	}
	switch t.GetProtocol() {
	case "", "CONNECT", "POST":
	default:
		c.add(diag.CodeDestinationRule, path.Field("protocol"), "%q is not a way to tunnel", t.GetProtocol()).WithHint("CONNECT or POST")
	}
	switch host := t.GetTargetHost(); {
	case host == "":
		c.addMissing(diag.CodeDestinationRule, path, "%s has no targetHost", path).WithHint("a host name or an IP address")
	case !isAddress(host) && !isHostName(host):
		c.add(diag.CodeHost, path.Field("targetHost"), "%q is neither a host name nor an IP address", host).WithHint("a host name or an IP address, without a port")
	}
	if t.GetTargetPort() == 0 && !c.written(path.Field("targetPort")) {
		c.addMissing(diag.CodePort, path, "%s has no targetPort", path).WithHint("1 to 65535")
	} else {
		c.portNumber(path.Field("targetPort"), t.GetTargetPort())
	}
}
