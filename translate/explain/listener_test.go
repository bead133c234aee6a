package explain_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	proxyprotocolv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/listener/proxy_protocol/v3"
	tlsinspectorv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/listener/tls_inspector/v3"
	tcpproxyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/explain"
)

// leadingTo is a filter chain for server names that leads to a cluster of its own.
func leadingTo(cluster string, names ...string) *listenerv3.FilterChain {
	out := &listenerv3.FilterChain{Filters: []*listenerv3.Filter{{
		Name: "proxy",
		ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: match.Any(&tcpproxyv3.TcpProxy{
			StatPrefix: "x", ClusterSpecifier: &tcpproxyv3.TcpProxy_Cluster{Cluster: cluster},
		})},
	}}}
	if len(names) > 0 {
		out.FilterChainMatch = &listenerv3.FilterChainMatch{TransportProtocol: "tls"}
		if names[0] != "*" {
			out.FilterChainMatch.ServerNames = names
		}
	}
	return out
}

func demanding(c *listenerv3.FilterChain, demands bool) *listenerv3.FilterChain {
	c.TransportSocket = &corev3.TransportSocket{ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: match.Any(&tlsv3.DownstreamTlsContext{
		RequireClientCertificate: wrapperspb.Bool(demands),
		CommonTlsContext:         &tlsv3.CommonTlsContext{ValidationContextType: &tlsv3.CommonTlsContext_ValidationContext{ValidationContext: &tlsv3.CertificateValidationContext{}}},
	})}}
	return c
}

func listening(address string, port uint32, chains ...*listenerv3.FilterChain) *listenerv3.Listener {
	return &listenerv3.Listener{
		Name:         address,
		Address:      &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{Address: address, PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: port}}}},
		FilterChains: chains,
	}
}

func with(l *listenerv3.Listener, filters ...proto.Message) *listenerv3.Listener {
	for _, f := range filters {
		l.ListenerFilters = append(l.ListenerFilters, &listenerv3.ListenerFilter{Name: "x", ConfigType: &listenerv3.ListenerFilter_TypedConfig{TypedConfig: match.Any(f)}})
	}
	return l
}

func serving(t *testing.T, clusters []string, listeners ...*listenerv3.Listener) *explain.Gateway {
	t.Helper()
	r := envoy.Resources{Listeners: listeners}
	for _, name := range clusters {
		r.Clusters = append(r.Clusters, &clusterv3.Cluster{Name: name, ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STRICT_DNS}})
	}
	out, err := explain.New(r)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// outcome is the verdict on a request, and where it goes.
func outcome(a explain.Answer) string {
	out := string(a.Verdict)
	if a.Details != "" {
		out += " " + a.Details
	}
	if a.Destination != nil {
		for _, c := range a.Destination.Clusters {
			out += " " + c.Name
		}
	}
	return out
}

// TestAConnectionTakesTheChainThatEnvoyChooses holds how Envoy orders chains: by the longest name first, and
// without turning back.
func TestAConnectionTakesTheChainThatEnvoyChooses(t *testing.T) {
	all := []string{"exact", "wild", "wider", "any", "plain", "inside"}
	g := serving(t, all,
		with(listening("0.0.0.0", 443, leadingTo("exact", "a.b.example"), leadingTo("wild", "*.b.example"), leadingTo("wider", "*.example"), leadingTo("any", "*")), &tlsinspectorv3.TlsInspector{}),
		with(listening("0.0.0.0", 8443, leadingTo("exact", "a.b.example")), &tlsinspectorv3.TlsInspector{}),
		listening("0.0.0.0", 80, leadingTo("plain")), listening("10.0.0.1", 80, leadingTo("inside")),
	)
	for name, c := range map[string]struct {
		request explain.Request
		want    string
	}{
		"exact":              {explain.Request{Port: 443, TLS: true, ServerName: "a.b.example"}, "allowed exact"},
		"case":               {explain.Request{Port: 443, TLS: true, ServerName: "A.B.Example"}, "allowed exact"},
		"wildcard":           {explain.Request{Port: 443, TLS: true, ServerName: "x.b.example"}, "allowed wild"},
		"deep wildcard":      {explain.Request{Port: 443, TLS: true, ServerName: "y.x.b.example"}, "allowed wild"},
		"wider":              {explain.Request{Port: 443, TLS: true, ServerName: "b.example"}, "allowed wider"},
		"other":              {explain.Request{Port: 443, TLS: true, ServerName: "other.test"}, "allowed any"},
		"no name":            {explain.Request{Port: 443, TLS: true}, "allowed any"},
		"plain text at TLS":  {explain.Request{Port: 443}, "closed filter_chain_not_found"},
		"name of nobody":     {explain.Request{Port: 8443, TLS: true, ServerName: "other.test"}, "closed filter_chain_not_found"},
		"plain text":         {explain.Request{Port: 80}, "allowed plain"},
		"TLS that is passed": {explain.Request{Port: 80, TLS: true, ServerName: "a.b.example"}, "allowed plain"},
		"own address":        {explain.Request{Port: 80, Address: netip.MustParseAddr("10.0.0.1")}, "allowed inside"},
		"other address":      {explain.Request{Port: 80, Address: netip.MustParseAddr("10.0.0.2")}, "allowed plain"},
		"no listener":        {explain.Request{Port: 81}, "closed"},
		"name not known":     {explain.Request{Port: 8443, TLS: true, Unknown: explain.Unknown{ServerName: true}}, "depends"},
	} {
		t.Run(name, func(t *testing.T) {
			c.request.Connection = true
			if got := outcome(g.Ask(c.request)); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// TestNobodyPassesWithoutTheCertificateThatIsDemanded holds what a handshake comes to.
func TestNobodyPassesWithoutTheCertificateThatIsDemanded(t *testing.T) {
	g := serving(t, []string{"must", "may"},
		with(listening("0.0.0.0", 1, demanding(leadingTo("must", "*"), true)), &tlsinspectorv3.TlsInspector{}),
		with(listening("0.0.0.0", 2, demanding(leadingTo("may", "*"), false)), &tlsinspectorv3.TlsInspector{}),
	)
	for name, c := range map[string]struct {
		request explain.Request
		want    string
	}{
		"demanded, none":      {explain.Request{Port: 1, TLS: true}, "closed must"},
		"demanded, one":       {explain.Request{Port: 1, TLS: true, Certificate: &explain.Certificate{}}, "allowed must"},
		"demanded, not known": {explain.Request{Port: 1, TLS: true, Unknown: explain.Unknown{Certificate: true}}, "depends must"},
		"asked for, none":     {explain.Request{Port: 2, TLS: true}, "allowed may"},
	} {
		t.Run(name, func(t *testing.T) {
			c.request.Connection = true
			if got := outcome(g.Ask(c.request)); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// TestAConnectionToNobodyIsClosed holds what becomes of connections whose cluster is not there, and of those
// that lead nowhere.
func TestAConnectionToNobodyIsClosed(t *testing.T) {
	weighted := leadingTo("")
	weighted.Filters[0].ConfigType = &listenerv3.Filter_TypedConfig{TypedConfig: match.Any(&tcpproxyv3.TcpProxy{
		StatPrefix: "x", ClusterSpecifier: &tcpproxyv3.TcpProxy_WeightedClusters{WeightedClusters: &tcpproxyv3.TcpProxy_WeightedCluster{
			Clusters: []*tcpproxyv3.TcpProxy_WeightedCluster_ClusterWeight{{Name: "there", Weight: 1}, {Name: "gone", Weight: 1}},
		}},
	})}
	g := serving(t, []string{"there"},
		listening("0.0.0.0", 1, leadingTo("gone")), listening("0.0.0.0", 2, &listenerv3.FilterChain{}), listening("0.0.0.0", 3, weighted),
		with(listening("0.0.0.0", 4, leadingTo("there")), &proxyprotocolv3.ProxyProtocol{}),
	)
	for port, want := range map[uint32]string{1: "closed gone", 2: "closed", 3: "depends there gone", 4: "allowed there"} {
		if got := outcome(g.Ask(explain.Request{Port: port, Connection: true})); got != want {
			t.Errorf("port %d: %s, want %s", port, got, want)
		}
	}
}

// TestAConnectionIsFollowedThroughBoundedChains holds that a server name that is not known costs no more than
// a number of walks, and decides nothing.
func TestAConnectionIsFollowedThroughBoundedChains(t *testing.T) {
	r := explain.Request{Port: 443, TLS: true, Connection: true, Unknown: explain.Unknown{ServerName: true}}
	for chains, ends := range map[int]int{2: 3, 32: 33, 33: 1, 1000: 1} {
		l := with(listening("0.0.0.0", 443), &tlsinspectorv3.TlsInspector{})
		for i := range chains {
			l.FilterChains = append(l.FilterChains, leadingTo("there", fmt.Sprintf("host-%d.example", i), fmt.Sprintf("also-%d.example", i)))
		}
		a := serving(t, []string{"there"}, l).Ask(r)
		if a.Verdict != explain.Depends || len(a.Ends) != ends || len(a.DependsOn) == 0 {
			t.Errorf("%d chains: %s with %d ends, want it to depend with %d", chains, a.Verdict, len(a.Ends), ends)
		}
	}
}

// TestTheAddressBeforeTheProxyIsTheClients holds whose address rules see behind a proxy that speaks the PROXY protocol.
func TestTheAddressBeforeTheProxyIsTheClients(t *testing.T) {
	const rule = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p, namespace: istio-system}\nspec: {rules: [{from: [{source: {%s: [203.0.113.0/24]}}]}]}\n"
	const mesh = "defaultConfig: {gatewayTopology: {proxyProtocol: {}}}\n"
	client, proxy := netip.MustParseAddrPort("203.0.113.7:1"), netip.MustParseAddrPort("10.0.0.1:2")
	for field, want := range map[string]map[bool]explain.Verdict{
		"remoteIpBlocks": {false: explain.Allowed, true: explain.Allowed},
		"ipBlocks":       {false: explain.Depends, true: explain.Denied},
	} {
		g := gateway(t, fmt.Sprintf(rule, field), routing, mesh)
		for known, verdict := range want {
			r := farAway("GET", "a.example/")
			r.Client, r.Proxy = client, netip.AddrPort{}
			if known {
				r.Proxy = proxy
			}
			if got := g.Ask(r).Verdict; got != verdict {
				t.Errorf("%s, proxy known %t: %s, want %s", field, known, got, verdict)
			}
		}
	}
}

// TestWhatIsNotUnderstoodIsAnError holds that nothing of a configuration is passed over.
func TestWhatIsNotUnderstoodIsAnError(t *testing.T) {
	sourced := leadingTo("x")
	sourced.FilterChainMatch = &listenerv3.FilterChainMatch{SourceType: listenerv3.FilterChainMatch_EXTERNAL}
	unread := listening("0.0.0.0", 1, leadingTo("x"))
	unread.DefaultFilterChain = leadingTo("y")
	strange := leadingTo("x")
	strange.Filters = append(strange.Filters, &listenerv3.Filter{Name: "strange", ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: match.Any(&tlsinspectorv3.TlsInspector{})}})
	unsaid := leadingTo("x")
	unsaid.Filters[0].ConfigType = &listenerv3.Filter_ConfigDiscovery{ConfigDiscovery: &corev3.ExtensionConfigSource{}}
	for name, l := range map[string]*listenerv3.Listener{
		"a match by the source": listening("0.0.0.0", 1, sourced), "a default chain": unread,
		"a filter of another kind": listening("0.0.0.0", 1, strange), "a slot without its filter": listening("0.0.0.0", 1, unsaid),
		"a listener filter of another kind": with(listening("0.0.0.0", 1, leadingTo("x")), &tcpproxyv3.TcpProxy{}),
	} {
		if _, err := explain.New(envoy.Resources{Listeners: []*listenerv3.Listener{l}}); err == nil {
			t.Errorf("%s is passed over", name)
		}
	}
}

// TestAnAddressOfVersion4WrittenAsVersion6 holds what Envoy 1.40 does: it takes an address of a socket back to IPv4,
// and one of x-forwarded-for at its word, so that no block of IPv4 has it.
func TestAnAddressOfVersion4WrittenAsVersion6(t *testing.T) {
	const rule = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p, namespace: istio-system}\nspec: {action: DENY, rules: [{from: [{source: {remoteIpBlocks: [10.0.0.0/8]}}]}]}\n"
	const mesh = "defaultConfig: {gatewayTopology: {numTrustedProxies: 1}}\n"
	g := gateway(t, rule, routing, mesh)
	r := farAway("GET", "a.example/")
	r.Client = netip.MustParseAddrPort("[::ffff:10.1.1.1]:1")
	if got := g.Ask(r).Verdict; got != explain.Denied {
		t.Errorf("of a socket: %s", got)
	}
	if got := g.Ask(farAway("GET", "a.example/", "x-forwarded-for", "10.1.1.1")).Verdict; got != explain.Denied {
		t.Errorf("plain: %s", got)
	}
	if got := g.Ask(farAway("GET", "a.example/", "x-forwarded-for", "::ffff:10.1.1.1")).Verdict; got != explain.Allowed {
		t.Errorf("of a header: %s", got)
	}
}

// TestARuleAboutTheHeaderHostIsAboutTheHost holds for policy and routes what Envoy 1.40 does.
func TestARuleAboutTheHeaderHostIsAboutTheHost(t *testing.T) {
	const rule = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p, namespace: istio-system}\nspec: {action: DENY, rules: [{when: [{key: 'request.headers[host]', values: [bad.example]}]}]}\n"
	routes := strings.Replace(routing, "  http: [{", "  http: [{match: [{headers: {host: {exact: moved.example}}}], directResponse: {status: 299}}, {", 1)
	g := gateway(t, rule, routes)
	for host, want := range map[string]string{
		"bad.example": "denied rbac_access_denied_matched_policy[ns[istio-system]-policy[p]-rule[0]]", "moved.example": "answered direct_response", "good.example": "allowed",
	} {
		if got := outcome(g.Ask(farAway("GET", host+"/"))); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, want %s", host, got, want)
		}
	}
}
