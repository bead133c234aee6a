package envoy

import (
	"fmt"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	previoushostsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/retry/host/previous_hosts/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/model"
)

// routeConfig renders the routes of a port. A port that no VirtualService serves answers 404.
func routeConfig(v model.View, p model.Port) *routev3.RouteConfiguration {
	out := &routev3.RouteConfiguration{
		Name: routeConfigName(p),
		// A route to a cluster that is not there answers 503 instead of refusing all routes.
		ValidateClusters:               wrapperspb.Bool(false),
		IgnorePortInHostMatching:       true,
		MaxDirectResponseBodySizeBytes: wrapperspb.UInt32(1 << 20),
	}
	for _, h := range p.Hosts {
		out.VirtualHosts = append(out.VirtualHosts, virtualHost(v, p, h))
	}
	if len(out.VirtualHosts) == 0 {
		out.VirtualHosts = []*routev3.VirtualHost{{Name: fmt.Sprintf("blackhole:%d", p.Number), Domains: []string{"*"}}}
	}
	return out
}

func virtualHost(v model.View, p model.Port, h model.VirtualHost) *routev3.VirtualHost {
	out := &routev3.VirtualHost{
		Name:                       fmt.Sprintf("%s:%d", h.Host, p.Number),
		Domains:                    []string{string(h.Host)},
		IncludeRequestAttemptCount: true,
	}
	if h.HTTPSOnly {
		out.RequireTls = routev3.VirtualHost_ALL
	}
	for _, r := range h.Routes {
		out.Routes = append(out.Routes, route(v, p, r))
	}
	return out
}

func route(v model.View, p model.Port, r model.Route) *routev3.Route {
	out := &routev3.Route{Name: routeName(r), Match: routeMatch(r.Match)}
	if direct := r.HTTP.GetDirectResponse(); direct != nil {
		out.Action = &routev3.Route_DirectResponse{DirectResponse: directResponse(direct)}
	} else {
		out.Action = &routev3.Route_Route{Route: routeAction(v, p, r)}
	}
	return out
}

func routeName(r model.Route) string {
	name, match := r.HTTP.GetName(), r.Match.GetName()
	if name != "" && match != "" {
		return name + "." + match
	}
	return name + match
}

func routeMatch(m *networkingv1alpha3.HTTPMatchRequest) *routev3.RouteMatch {
	out := &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}}
	switch uri := m.GetUri().GetMatchType().(type) {
	case *networkingv1alpha3.StringMatch_Exact:
		out.PathSpecifier = &routev3.RouteMatch_Path{Path: uri.Exact}
	case *networkingv1alpha3.StringMatch_Prefix:
		out.PathSpecifier = &routev3.RouteMatch_Prefix{Prefix: uri.Prefix}
	case *networkingv1alpha3.StringMatch_Regex:
		out.PathSpecifier = &routev3.RouteMatch_SafeRegex{SafeRegex: &matcherv3.RegexMatcher{Regex: uri.Regex}}
	}
	if m.GetIgnoreUriCase() {
		out.CaseSensitive = wrapperspb.Bool(false)
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

func routeAction(v model.View, p model.Port, r model.Route) *routev3.RouteAction {
	out := &routev3.RouteAction{
		// Istio switches the route's timeout off where the VirtualService sets none.
		Timeout:           durationpb.New(0),
		RetryPolicy:       defaultRetries(),
		MaxStreamDuration: &routev3.RouteAction_MaxStreamDuration{MaxStreamDuration: durationpb.New(0), GrpcTimeoutHeaderMax: durationpb.New(0)},
	}
	targets := weighted(v, p, r.HTTP.GetRoute(), r.Hosts)
	if len(targets) == 1 {
		out.ClusterSpecifier = &routev3.RouteAction_Cluster{Cluster: targets[0].GetName()}
		return out
	}
	out.ClusterSpecifier = &routev3.RouteAction_WeightedClusters{WeightedClusters: &routev3.WeightedCluster{Clusters: targets}}
	return out
}

// destination is an entry of an HTTP, TLS or TCP route.
type destination interface {
	GetDestination() *networkingv1alpha3.Destination
	GetWeight() int32
}

// weighted returns the destinations that can receive traffic; hosts are theirs, resolved. Of
// several, those of weight 0 get none and are left out; a single one gets all, whatever its
// weight.
func weighted[D destination](v model.View, p model.Port, route []D, hosts []model.Host) []*routev3.WeightedCluster_ClusterWeight {
	var out []*routev3.WeightedCluster_ClusterWeight
	for i, d := range route {
		if d.GetWeight() == 0 && len(route) > 1 {
			continue
		}
		out = append(out, &routev3.WeightedCluster_ClusterWeight{
			Name:   v.Cluster(d.GetDestination(), hosts[i], p.Number),
			Weight: wrapperspb.UInt32(uint32(d.GetWeight())),
		})
	}
	return out
}

// defaultRetries is Istio's policy where the VirtualService sets none: twice, on failures
// that happen before the backend has seen the request, and on another endpoint.
func defaultRetries() *routev3.RetryPolicy {
	return &routev3.RetryPolicy{
		NumRetries: wrapperspb.UInt32(2),
		RetryOn:    "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes",
		RetryHostPredicate: []*routev3.RetryPolicy_RetryHostPredicate{{
			Name:       "envoy.retry_host_predicates.previous_hosts",
			ConfigType: &routev3.RetryPolicy_RetryHostPredicate_TypedConfig{TypedConfig: Any(&previoushostsv3.PreviousHostsPredicate{})},
		}},
		HostSelectionRetryMaxAttempts: 5,
	}
}
