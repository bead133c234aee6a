package resource

import (
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
)

// asDelegate checks a VirtualService without hosts, which others delegate to.
func (c virtualServiceChecker) asDelegate(spec *networkingv1alpha3.VirtualService) {
	const hint = `name hosts, such as hosts: ["*"] for every host of the gateway, or leave the field out in a VirtualService that others delegate to`
	found := false
	for field, there := range map[string]bool{"gateways": len(spec.GetGateways()) > 0, "tls": len(spec.GetTls()) > 0, "tcp": len(spec.GetTcp()) > 0} {
		if there {
			found = true
			c.addKey(diag.CodeDelegate, Path{"spec", field}, "a VirtualService without hosts is a delegate, which has no %s", field).WithHint("%s", hint)
		}
	}
	if !found && len(spec.GetHttp()) == 0 {
		c.addMissing(diag.CodeVirtualService, Path{"spec"}, "the VirtualService has no hosts").WithHint(`hosts: ["*"] takes every host of the gateway`)
	}
}

// delegate checks a reference to another VirtualService. There is one level of them.
func (c httpRouteChecker) delegate(path Path, d *networkingv1alpha3.Delegate, vs *networkingv1alpha3.VirtualService) {
	if len(vs.GetHosts()) == 0 {
		c.addKey(diag.CodeDelegate, path, "a delegate cannot delegate").WithHint("name hosts, or write the routes here")
	}
	if !isObjectName(d.GetName()) {
		c.addMissing(diag.CodeDelegate, c.deepest(path, "name"), "%q is not the name of a VirtualService", d.GetName()).WithHint("the name of a VirtualService without hosts")
	}
	if ns := d.GetNamespace(); ns != "" && !isLabel(ns) {
		c.add(diag.CodeDelegate, path.Field("namespace"), "%q is not a namespace", ns).WithHint("leave it out for a delegate in the same namespace")
	}
}
