package envoy

import (
	"fmt"
	"hash/fnv"
	"net/netip"
	"strconv"
	"strings"

	xdscorev3 "github.com/cncf/xds/go/xds/core/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	dfpclusterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/clusters/dynamic_forward_proxy/v3"
	dfpcommonv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/common/dynamic_forward_proxy/v3"
	setfilterstatecommonv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/common/set_filter_state/v3"
	dfphttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/dynamic_forward_proxy/v3"
	setfilterstatev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/set_filter_state/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	dfpsniv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/sni_dynamic_forward_proxy/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
)

// The filters that resolve the name which a request is for: forwardProxyPortFilter says the port,
// and the other, with the host of a service behind it, asks the service's cache. Both do
// nothing but on the routes that switch them on.
const (
	forwardProxyPortFilter = "portreeve.dynamic_port"
	forwardProxyHostFilter = "envoy.filters.http.dynamic_forward_proxy."
)

// dynamicForwardProxyFilters returns the HTTP filters of the services whose clients name what is resolved.
// They depend on services alone, so no route and no policy changes a listener.
func dynamicForwardProxyFilters(services []model.Service) []*hcmv3.HttpFilter {
	var out []*hcmv3.HttpFilter
	for _, s := range services {
		if !s.Dynamic() {
			continue
		}
		if out == nil {
			out = append(out, &hcmv3.HttpFilter{Name: forwardProxyPortFilter, Disabled: true, ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: match.Any(&setfilterstatev3.Config{})}})
		}
		config := &dfphttpv3.FilterConfig{
			ImplementationSpecifier:         &dfphttpv3.FilterConfig_DnsCacheConfig{DnsCacheConfig: dnsCache(s)},
			AllowDynamicHostFromFilterState: true,
		}
		out = append(out, &hcmv3.HttpFilter{Name: forwardProxyHostFilter + string(s.Host), Disabled: true, ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: match.Any(config)}})
	}
	return out
}

// setDynamicForwardProxy makes a cluster connect to whatever the request's host resolves to.
func setDynamicForwardProxy(c *clusterv3.Cluster, u upstream) {
	c.LbPolicy, c.EdsClusterConfig = clusterv3.Cluster_CLUSTER_PROVIDED, nil
	c.ClusterDiscoveryType = &clusterv3.Cluster_ClusterType{ClusterType: &clusterv3.Cluster_CustomClusterType{
		Name: "envoy.clusters.dynamic_forward_proxy",
		TypedConfig: match.Any(&dfpclusterv3.ClusterConfig{
			ClusterImplementationSpecifier: &dfpclusterv3.ClusterConfig_DnsCacheConfig{DnsCacheConfig: dnsCache(u.service)},
			// Nobody is verified in plain text; else who is verified then is what the
			// DestinationRule says.
			AllowInsecureClusterOptions: !namesOf(u).verifyByRequest,
		}),
	}}
}

// dnsCache is what is known of names. What it holds of one service is not of another's. Its
// name tells settings apart, also those of another version of this code: Envoy refuses two
// caches of one name that differ, and would keep to the older one.
func dnsCache(s model.Service) *dfpcommonv3.DnsCacheConfig {
	out := &dfpcommonv3.DnsCacheConfig{
		DnsLookupFamily:       clusterv3.Cluster_V4_PREFERRED,
		ResolvedAddressFilter: &matcherv3.AddressMatcher{Ranges: refusedRanges(s)},
	}
	settings := fnv.New32a()
	for _, r := range out.GetResolvedAddressFilter().GetRanges() {
		_, _ = fmt.Fprintf(settings, "%s/%d ", r.GetAddressPrefix(), r.GetPrefixLen().GetValue())
	}
	out.Name = fmt.Sprintf("%s_dfp_dns_cache_%08x", s.Host, settings.Sum32())
	return out
}

// refusedRanges are the addresses that no name may resolve to. Whoever has a name below the
// wildcard says its address: it must not be one of the gateway's own machine, of the services
// that clouds offer to their machines, or, where the service is outside, of the network inside.
func refusedRanges(s model.Service) []*xdscorev3.CidrRange {
	ranges := []string{"0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3", "::/128", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "fe80::/10", "ff00::/8"}
	for _, a := range resource.MetadataAddresses() {
		ranges = append(ranges, netip.PrefixFrom(a, a.BitLen()).String())
	}
	if s.Host != "*.localhost" && !strings.HasSuffix(string(s.Host), ".localhost") {
		// Names of this domain cannot be anything but the machine itself.
		ranges = append(ranges, "127.0.0.0/8", "::/96")
	}
	if s.External() {
		ranges = append(ranges, "10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "198.18.0.0/15", "fc00::/7", "fec0::/10")
	}
	out := make([]*xdscorev3.CidrRange, 0, len(ranges))
	for _, r := range ranges {
		p := netip.MustParsePrefix(r)
		out = append(out, &xdscorev3.CidrRange{AddressPrefix: p.Addr().String(), PrefixLen: wrapperspb.UInt32(uint32(p.Bits()))}) //nolint:gosec // at most 128
	}
	return out
}

// bounded makes a route to a dynamic service resolve names within the service's wildcard and no
// others: those of requests, which it otherwise does not take, or the one that it rewrites
// them to. A route that cannot be bounded so answers 503.
func bounded(out *routev3.Route, v model.View, p model.Port, r model.Route) {
	for i, d := range r.HTTP.GetRoute() {
		s, port, resolved := v.Dynamic(d.GetDestination(), r.Hosts[i], p.Number)
		if !resolved || !model.Receives(r.HTTP.GetRoute(), d) {
			continue
		}
		if out.GetRoute().GetCluster() == "" || port.Number == 0 {
			unserved(out)
			return
		}
		perRoute := &dfphttpv3.PerRouteConfig{}
		switch host := out.GetRoute().GetHostRewriteLiteral(); {
		case host == "":
			out.Match.Headers = append(out.Match.Headers, &routev3.HeaderMatcher{
				Name: ":authority",
				HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{StringMatch: &matcherv3.StringMatcher{
					MatchPattern: &matcherv3.StringMatcher_SafeRegex{SafeRegex: &matcherv3.RegexMatcher{Regex: port.Authority(s.Host)}},
				}},
			})
		case port.Resolvable(s.Host, host):
			perRoute.HostRewriteSpecifier = &dfphttpv3.PerRouteConfig_HostRewriteLiteral{HostRewriteLiteral: host}
		default:
			unserved(out)
			return
		}
		if out.TypedPerFilterConfig == nil {
			out.TypedPerFilterConfig = map[string]*anypb.Any{}
		}
		out.TypedPerFilterConfig[forwardProxyHostFilter+string(s.Host)] = match.Any(&routev3.FilterConfig{Config: match.Any(perRoute)})
		out.TypedPerFilterConfig[forwardProxyPortFilter] = match.Any(&routev3.FilterConfig{Config: forwardProxyPort(port)})
	}
}

// resolving switches the filters of a dynamic service on for a whole host where its routes lead
// to one such service. Envoy makes up its mind which filters a request passes by the route of
// what the client sent: one that is chosen by the claims of a token comes later and would find
// no filter, and answer 503. On other routes these filters do nothing. Of several services
// each would resolve the names of the others.
func resolving(routes []*routev3.Route) map[string]*anypb.Any {
	name := ""
	for _, r := range routes {
		for filter := range r.GetTypedPerFilterConfig() {
			switch {
			case !strings.HasPrefix(filter, forwardProxyHostFilter) || filter == name:
			case name != "":
				return nil
			default:
				name = filter
			}
		}
	}
	if name == "" {
		return nil
	}
	return map[string]*anypb.Any{
		name:                   match.Any(&routev3.FilterConfig{Config: match.Any(&dfphttpv3.PerRouteConfig{})}),
		forwardProxyPortFilter: match.Any(&routev3.FilterConfig{Config: match.Any(&setfilterstatev3.Config{})}),
	}
}

func forwardProxyPort(p model.ServicePort) *anypb.Any {
	return match.Any(&setfilterstatev3.Config{OnRequestHeaders: []*setfilterstatecommonv3.FilterStateValue{{
		Key: &setfilterstatecommonv3.FilterStateValue_ObjectKey{ObjectKey: "envoy.upstream.dynamic_port"},
		Value: &setfilterstatecommonv3.FilterStateValue_FormatString{FormatString: &corev3.SubstitutionFormatString{
			Format: &corev3.SubstitutionFormatString_TextFormatSource{TextFormatSource: &corev3.DataSource{
				Specifier: &corev3.DataSource_InlineString{InlineString: strconv.FormatUint(uint64(p.TargetPort()), 10)},
			}},
		}},
	}}})
}

func unserved(out *routev3.Route) {
	out.Action = &routev3.Route_DirectResponse{DirectResponse: &routev3.DirectResponseAction{Status: 503}}
}

// namedFilters returns the filters that resolve the name which the clients of a chain ask for,
// or none where no destination is dynamic. It is false where the chain has to stay closed: it
// takes names beyond the wildcard, or does not know any.
func namedFilters(v model.View, p model.Port, c model.Chain) ([]*listenerv3.Filter, bool) {
	var out []*listenerv3.Filter
	for i, d := range c.Route {
		s, port, resolved := v.Dynamic(d.GetDestination(), c.Hosts[i], p.Number)
		if !resolved {
			continue
		}
		if len(c.Route) > 1 || port.Number == 0 || c.TLS != nil || !c.Within(s.Host) || resource.SpeaksTLS(v.Policy(d.GetDestination(), c.Hosts[i], p.Number).GetTls()) {
			return nil, false
		}
		out = append(out, &listenerv3.Filter{
			Name: "envoy.filters.network.sni_dynamic_forward_proxy",
			ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: match.Any(&dfpsniv3.FilterConfig{
				DnsCacheConfig: dnsCache(s), PortSpecifier: &dfpsniv3.FilterConfig_PortValue{PortValue: port.TargetPort()},
			})},
		})
	}
	return out, true
}
