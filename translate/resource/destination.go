package resource

import (
	"math"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
)

// destinationChecker checks where a route, or a mirror, sends to.
type destinationChecker struct{ valueChecker }

// weighted is a destination of an HTTP, TLS or TCP route.
type weighted interface {
	GetDestination() *networkingv1alpha3.Destination
	GetWeight() int32
}

func weights[D weighted](c valueChecker, path Path, routes []D) {
	var total int64
	for i, d := range routes {
		at := path.Field("route", i)
		destinationChecker{c}.destination(at, d.GetDestination())
		if d.GetWeight() < 0 {
			c.add(diag.CodeVirtualService, at.Field("weight"), "the weight %d is negative", d.GetWeight()).WithHint("0 or more")
		}
		total += int64(d.GetWeight())
	}
	hint := "give at least one of them a weight"
	if total > math.MaxUint32 {
		hint = "at most 4294967295 together; 100 is usual"
	}
	if len(routes) > 1 && (total <= 0 || total > math.MaxUint32) {
		c.add(diag.CodeVirtualService, path.Field("route"), "the weights of %s add up to %d", path.Field("route"), total).WithHint("%s", hint)
	}
}

func (c destinationChecker) destination(path Path, d *networkingv1alpha3.Destination) {
	c.destinationAt(path.Field("destination"), c.deepest(path, "destination"), d)
}

// destinationAt checks a destination. Where it has no host, the finding stands at missing.
func (c destinationChecker) destinationAt(at, missing Path, d *networkingv1alpha3.Destination) {
	switch host := d.GetHost(); {
	case host == "":
		c.addMissing(diag.CodeVirtualService, missing, "%s has no host", at).WithHint("the host of a ServiceEntry")
	case host == "*" || !isHost(host):
		c.add(diag.CodeHost, at.Field("host"), "%q is not a host that requests can be sent to", host).WithHint("the host of a ServiceEntry")
	}
	if s := d.GetSubset(); s != "" && !isPartName(s) {
		c.add(diag.CodeVirtualService, at.Field("subset"), "%q is not the name of a subset", s).WithHint("the name of a subset in a DestinationRule")
	}
	if p := d.GetPort(); p != nil {
		c.portNumber(at.Field("port", "number"), p.GetNumber())
	}
}
