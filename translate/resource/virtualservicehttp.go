package resource

import (
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
)

// httpRouteChecker checks an HTTP route; each larger part of it has a checker of its own.
type httpRouteChecker struct{ valueChecker }

// httpRoute checks one HTTP route of a VirtualService.
func (c httpRouteChecker) httpRoute(path Path, r *networkingv1alpha3.HTTPRoute, vs *networkingv1alpha3.VirtualService) {
	c.httpAction(path, r)
	for i, m := range r.GetMatch() {
		httpMatchChecker(c).httpMatch(path.Field("match", i), m, vs)
	}
	if d := r.GetDelegate(); d != nil {
		c.delegate(path.Field("delegate"), d, vs)
	}
	if d := r.GetDirectResponse(); d != nil {
		c.directResponse(path.Field("directResponse"), d)
	}
	if d := r.GetRedirect(); d != nil {
		redirectChecker(c).redirect(path, r)
	}
	if w := r.GetRewrite(); w != nil {
		redirectChecker(c).rewrite(path, r)
	}
	c.duration(path.Field("timeout"), r.GetTimeout())
	retryChecker(c).retries(path.Field("retries"), r.GetRetries())
	faultChecker(c).fault(path.Field("fault"), r.GetFault())
	c.mirrors(path, r)
	corsChecker(c).cors(path.Field("corsPolicy"), r.GetCorsPolicy())
	headerOperationsChecker(c).headerOperations(path.Field("headers"), r.GetHeaders())
	for i, d := range r.GetRoute() {
		headerOperationsChecker(c).headerOperations(path.Field("route", i, "headers"), d.GetHeaders())
	}
	weights(c.valueChecker, path, r.GetRoute())
}

// httpAction holds that a route does one thing: it sends requests on, redirects, answers or
// delegates. As in Istio, what can only be done to a request that is sent on has no place
// beside a redirect or an answer.
func (c httpRouteChecker) httpAction(path Path, r *networkingv1alpha3.HTTPRoute) {
	var actions []string
	for _, a := range []struct {
		name  string
		there bool
	}{
		{"route", len(r.GetRoute()) > 0}, {"redirect", r.GetRedirect() != nil}, {"directResponse", r.GetDirectResponse() != nil},
	} {
		if a.there {
			actions = append(actions, a.name)
		}
	}
	switch {
	case r.GetDelegate() != nil:
		c.withDelegate(path, actions)
		return
	case len(actions) == 0:
		c.addMissing(diag.CodeVirtualService, path, "%s has neither route nor redirect nor directResponse", path).WithHint("add route: [{destination: {host: …}}]")
		return
	case len(actions) > 1:
		c.addKey(diag.CodeVirtualService, path.Field(actions[1]), "%s has both %s and %s", path, actions[0], actions[1]).WithHint("keep one of them")
	}
	if len(r.GetRoute()) > 0 {
		return
	}
	for _, field := range []string{"fault", "rewrite"} {
		if c.written(path.Field(field)) {
			c.addKey(diag.CodeVirtualService, path.Field(field), "%s has both %s and %s", path, actions[0], field).WithHint("keep one of them")
		}
	}
}

// withDelegate refuses what Istio refuses beside a delegate. An answer is handed down to
// the routes of the delegate that have none.
func (c httpRouteChecker) withDelegate(path Path, actions []string) {
	for _, a := range actions {
		if a != "directResponse" {
			c.addKey(diag.CodeDelegate, path.Field(a), "%s has both delegate and %s", path, a).WithHint("keep one of them; the delegate says where requests go")
		}
	}
}

// maxBody is the size of a direct response that Envoy takes.
const maxBody = 1 << 20

// directResponse checks an answer.
func (c httpRouteChecker) directResponse(path Path, d *networkingv1alpha3.HTTPDirectResponse) {
	if d.GetStatus() < 200 || d.GetStatus() > 599 {
		c.add(diag.CodeVirtualService, path.Field("status"), "%d is not a status that can be answered", d.GetStatus()).WithHint("200 to 599")
	}
	if n := max(len(d.GetBody().GetString_()), len(d.GetBody().GetBytes())); n > maxBody {
		c.add(diag.CodeVirtualService, path.Field("body"), "the body has %d bytes", n).WithHint("at most 1 MiB")
	}
}
