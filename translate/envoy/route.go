package envoy

import (
	"cmp"
	"fmt"
	"slices"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/model"
)

// routeConfig renders the routes of a port, and says what its parts come from; keys are those of the
// payloads of tokens. A port that no VirtualService serves answers 404.
func routeConfig(v model.View, p model.Port, keys []string) (*routev3.RouteConfiguration, map[string]diag.Position) {
	out := &routev3.RouteConfiguration{
		Name: routeConfigName(p),
		// A route to a cluster that is not there answers 503 instead of refusing all routes.
		ValidateClusters:               wrapperspb.Bool(false),
		IgnorePortInHostMatching:       true,
		MaxDirectResponseBodySizeBytes: wrapperspb.UInt32(1 << 20),
	}
	hosts := slices.Concat(p.Hosts, p.Misdirected)
	out.VirtualHosts = make([]*routev3.VirtualHost, 0, len(hosts))
	parts := routeOrigins(v, p)
	for i, h := range hosts {
		host, from := virtualHost(v, p, h, keys)
		out.VirtualHosts = append(out.VirtualHosts, host)
		addRoutes(parts, v, p, i, host, from)
	}
	if len(out.VirtualHosts) == 0 {
		out.VirtualHosts = blackhole(p)
	}
	return out, parts
}

// blackhole answers every request with 404.
func blackhole(p model.Port) []*routev3.VirtualHost {
	return []*routev3.VirtualHost{{Name: fmt.Sprintf("blackhole:%d", p.Number), Domains: []string{"*"}}}
}

// MisdirectedHost is the name of the route that answers for another server's host.
const MisdirectedHost = "misdirected-host"

// misdirected answers 421 to a request whose host another server of the port serves: browsers
// then ask again on a connection of their own. Policy has had its word before.
func misdirected() *routev3.Route {
	return &routev3.Route{
		Name:   MisdirectedHost,
		Match:  &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}},
		Action: &routev3.Route_DirectResponse{DirectResponse: &routev3.DirectResponseAction{Status: 421}},
	}
}

// inIstiosRoutes returns ports without what Istio does not do for requests that belong to
// another server: it answers 404.
func inIstiosRoutes(ports []model.Port) []model.Port {
	out := slices.Clone(ports)
	for i := range out {
		out[i].Misdirected, out[i].Hosts = nil, slices.Clone(out[i].Hosts)
		for k := range out[i].Hosts {
			out[i].Hosts[k].Elsewhere = false
		}
	}
	return out
}

// virtualHost renders a host; keys are those of the payloads of the gateway's tokens. It returns
// what each of its routes comes from; one of our own comes from nothing.
func virtualHost(v model.View, p model.Port, h model.VirtualHost, keys []string) (*routev3.VirtualHost, []model.Route) {
	out := &routev3.VirtualHost{
		Name:                       fmt.Sprintf("%s:%d", h.Host, p.Number),
		IncludeRequestAttemptCount: countsAttempts(meshConfig(v)),
	}
	for _, d := range h.Domains {
		out.Domains = append(out.Domains, string(d))
	}
	if h.HTTPSOnly {
		out.RequireTls = routev3.VirtualHost_ALL
	}
	if h.Surrounds && len(h.Routes) > 0 {
		out.Routes = append(out.Routes, malformedHosts())
	}
	if h.Elsewhere {
		out.Routes = append(out.Routes, misdirected())
	}
	from := make([]model.Route, len(out.Routes))
	for _, r := range h.Routes {
		for _, rendered := range routesPerToken(route(v, p, r), keys) {
			out.Routes, from = append(out.Routes, rendered), append(from, r)
		}
	}
	out.TypedPerFilterConfig = resolving(out.Routes)
	return out, from
}

// route renders one match. What it does to a request happens after policy: nothing in it
// can switch a filter of policy off or change what policy sees.
func route(v model.View, p model.Port, r model.Route) *routev3.Route {
	out := &routev3.Route{
		Name:                 routeName(r),
		Match:                routeMatch(r.Match),
		StatPrefix:           statistic(r.Match.GetStatPrefix()),
		TypedPerFilterConfig: perFilter(r.HTTP),
	}
	headers := headersOf(r.HTTP.GetHeaders())
	switch {
	case r.HTTP.GetRedirect() != nil:
		out.Action = &routev3.Route_Redirect{Redirect: redirect(p, r.HTTP.GetRedirect())}
	case r.HTTP.GetDirectResponse() != nil:
		out.Action = &routev3.Route_DirectResponse{DirectResponse: directResponse(r.HTTP.GetDirectResponse())}
	default:
		targets := weighted(v, p, r.HTTP.GetRoute(), r.Hosts)
		if len(targets) == 1 {
			// What is done for the only destination is done for the route.
			headers = headers.and(headersOf(onlyDestination(r.HTTP).GetHeaders()))
		} else {
			setDestinationHeaders(targets, r.HTTP)
		}
		out.Action = &routev3.Route_Route{Route: routeAction(v, p, r, targets, headers)}
	}
	bounded(out, v, p, r)
	out.RequestHeadersToAdd, out.RequestHeadersToRemove = headers.addToRequest, headers.removeFromRequest
	out.ResponseHeadersToAdd, out.ResponseHeadersToRemove = headers.addToResponse, headers.removeFromResponse
	return out
}

func routeName(r model.Route) string {
	name, match := r.HTTP.GetName(), r.Match.GetName()
	if name != "" && match != "" {
		return name + "." + match
	}
	return name + match
}

// perFilter returns what a route says to filters: to those of faults and CORS, which come
// after policy, and never to one of policy.
func perFilter(http *networkingv1alpha3.HTTPRoute) map[string]*anypb.Any {
	if http.GetFault() == nil && http.GetCorsPolicy() == nil {
		return nil
	}
	out := map[string]*anypb.Any{}
	if f := fault(http.GetFault()); f != nil {
		out[faultFilter] = match.Any(f)
	}
	if c := http.GetCorsPolicy(); c != nil {
		out[corsFilter] = match.Any(cors(c))
	}
	return out
}

func directResponse(d *networkingv1alpha3.HTTPDirectResponse) *routev3.DirectResponseAction {
	out := &routev3.DirectResponseAction{Status: d.GetStatus()}
	switch body := d.GetBody().GetSpecifier().(type) {
	case *networkingv1alpha3.HTTPBody_String_:
		out.Body = &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: body.String_}}
	case *networkingv1alpha3.HTTPBody_Bytes:
		out.Body = &corev3.DataSource{Specifier: &corev3.DataSource_InlineBytes{InlineBytes: body.Bytes}}
	}
	return out
}

// routeAction renders how a request is sent on.
func routeAction(v model.View, p model.Port, r model.Route, targets []*routev3.WeightedCluster_ClusterWeight, headers headers) *routev3.RouteAction {
	out := &routev3.RouteAction{
		RetryPolicy:           retries(cmp.Or(r.HTTP.GetRetries(), meshConfig(v).GetDefaultHttpRetryPolicy())),
		HashPolicy:            hashPolicies(v, p, r.HTTP.GetRoute(), r.Hosts),
		RequestMirrorPolicies: mirrors(v, p, r),
		AppendXForwardedHost:  tellsHost(meshConfig(v)),
	}
	if out.GetRetryPolicy() != nil && len(out.GetHashPolicy()) > 0 && len(r.HTTP.GetRoute()) == 1 && !r.HTTP.GetRetries().GetRetryIgnorePreviousHosts().GetValue() {
		// What belongs to one endpoint is sent there again, as in Istio.
		out.RetryPolicy.RetryHostPredicate = nil
	}
	setTimeout(out, r.HTTP.GetTimeout())
	rewrite(out, r.HTTP.GetRewrite(), headers.authority)
	setTargets(out, targets)
	return out
}

// setTimeout sets how long a request may take. Without a time it may take any, as in Istio,
// but for what a gRPC client asks for. With one, what such a client asks for is left to it and
// to the backend: Envoy 1.40 takes no notice of a route's timeout beside a maximal duration
// of streams, and Istio's way of having both is deprecated.
func setTimeout(out *routev3.RouteAction, timeout *durationpb.Duration) {
	out.Timeout = timeout
	if timeout == nil {
		out.Timeout = durationpb.New(0)
		out.MaxStreamDuration = &routev3.RouteAction_MaxStreamDuration{MaxStreamDuration: durationpb.New(0), GrpcTimeoutHeaderMax: durationpb.New(0)}
	}
}

// setTargets sets where requests go.
func setTargets(out *routev3.RouteAction, targets []*routev3.WeightedCluster_ClusterWeight) {
	if len(targets) == 1 {
		out.ClusterSpecifier = &routev3.RouteAction_Cluster{Cluster: targets[0].GetName()}
		return
	}
	out.ClusterSpecifier = &routev3.RouteAction_WeightedClusters{WeightedClusters: &routev3.WeightedCluster{Clusters: targets}}
}

// destination is an entry of an HTTP, TLS or TCP route.
type destination interface {
	GetDestination() *networkingv1alpha3.Destination
	GetWeight() int32
}

// weighted returns the destinations that receive traffic; hosts are theirs, resolved.
func weighted[D destination](v model.View, p model.Port, route []D, hosts []model.Host) []*routev3.WeightedCluster_ClusterWeight {
	var out []*routev3.WeightedCluster_ClusterWeight
	for i, d := range route {
		if !model.Receives(route, d) {
			continue
		}
		out = append(out, &routev3.WeightedCluster_ClusterWeight{
			Name:   v.Cluster(d.GetDestination(), hosts[i], p.Number),
			Weight: wrapperspb.UInt32(uint32(d.GetWeight())),
		})
	}
	return out
}
