package bootstrap_test

import (
	"fmt"
	"strings"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"

	"github.com/portreeve/portreeve/xds/bootstrap"
)

func TestAddressesThatAreNoListOfControlPlanesAreRefused(t *testing.T) {
	var many []string
	for i := range bootstrap.MaxAddresses + 1 {
		many = append(many, fmt.Sprintf("10.0.0.%d:18000", i))
	}
	if got, err := bootstrap.ParseAddresses(many[1:]); err != nil || len(got) != bootstrap.MaxAddresses {
		t.Errorf("%d addresses: %d, %v", bootstrap.MaxAddresses, len(got), err)
	}
	for name, c := range map[string]struct {
		addresses []string
		want      string
	}{
		"none":                      {nil, "no address"},
		"too many":                  {many, "at most 16"},
		"a mistake in the last":     {[]string{"a:1", "b"}, "b: missing port"},
		"the same":                  {[]string{"a:1", "b:1", "a:1"}, "a:1 is the control plane that a:1 is"},
		"the same, written large":   {[]string{"a.example:1", "A.Example.:1"}, "A.Example.:1 is the control plane that a.example:1 is"},
		"the same address":          {[]string{"[::1]:1", "[0:0:0:0:0:0:0:1]:1"}, "give each once"},
		"the same, mapped":          {[]string{"127.0.0.1:1", "[::ffff:127.0.0.1]:1"}, "give each once"},
		"the same socket":           {[]string{"unix:///a", "unix:///a"}, "give each once"},
		"a socket among the others": {[]string{"a:1", "unix:///a"}, "a:1 and unix:///a: give addresses of hosts or Unix sockets, not both"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := bootstrap.ParseAddresses(c.addresses); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	if _, err := bootstrap.ParseAddresses([]string{"a:1", "a:2", "127.0.0.1:1", "[::1]:1"}); err != nil {
		t.Error(err)
	}
}

// TestSeveralControlPlanesHaveOnePriority holds what makes Envoy go to the next when one is gone.
func TestSeveralControlPlanesHaveOnePriority(t *testing.T) {
	for name, c := range map[string]struct {
		addresses []string
		discovery clusterv3.Cluster_DiscoveryType
		interval  int64
	}{
		"one":               {[]string{"10.0.0.1:1"}, clusterv3.Cluster_STATIC, 30},
		"addresses":         {[]string{"10.0.0.1:1", "10.0.0.2:1"}, clusterv3.Cluster_STATIC, 10},
		"sockets":           {[]string{"unix:///a", "unix:///b"}, clusterv3.Cluster_STATIC, 10},
		"a name among them": {[]string{"10.0.0.1:1", "plane.example:1"}, clusterv3.Cluster_STRICT_DNS, 10},
	} {
		t.Run(name, func(t *testing.T) {
			cluster, _ := plane(t, bootstrap.Options{XDSAddresses: c.addresses})
			localities := cluster.GetLoadAssignment().GetEndpoints()
			if len(localities) != 1 || len(localities[0].GetLbEndpoints()) != len(c.addresses) || localities[0].GetPriority() != 0 {
				t.Errorf("endpoints: %v", localities)
			}
			if cluster.GetType() != c.discovery {
				t.Errorf("found by %v, want %v", cluster.GetType(), c.discovery)
			}
			if got := pings(t, cluster); got != c.interval {
				t.Errorf("a ping each %d s, want %d", got, c.interval)
			}
		})
	}
}

// TestEachControlPlaneProvesItsOwnName holds that no control plane passes for another one, and none is reached in plain text.
func TestEachControlPlaneProvesItsOwnName(t *testing.T) {
	addresses := []string{"a.example:1", "10.0.0.1:1", "A.example:2"}
	cluster, context := plane(t, bootstrap.Options{XDSAddresses: addresses, TLS: &bootstrap.TLS{Dir: "/pair"}})
	if got := names(context); got != "DNS a.example" {
		t.Errorf("what matches none is held to %q", got)
	}
	var matched []string
	for i, want := range []string{"DNS a.example", "IP_ADDRESS 10.0.0.1", "DNS a.example"} {
		own := cluster.GetLoadAssignment().GetEndpoints()[0].GetLbEndpoints()[i].GetMetadata().GetFilterMetadata()["envoy.transport_socket_match"]
		for _, m := range cluster.GetTransportSocketMatches() {
			if m.GetMatch().String() != own.String() {
				continue
			}
			context := &tlsv3.UpstreamTlsContext{}
			if err := m.GetTransportSocket().GetTypedConfig().UnmarshalTo(context); err != nil {
				t.Fatal(err)
			}
			matched = append(matched, names(context))
		}
		if len(matched) != i+1 || matched[i] != want {
			t.Errorf("%s: matched %q, want %q", addresses[i], matched, want)
		}
	}
	cluster, context = plane(t, bootstrap.Options{XDSAddresses: addresses, TLS: &bootstrap.TLS{Dir: "/pair", ServerName: "plane"}})
	if got := names(context); got != "DNS plane" || len(cluster.GetTransportSocketMatches()) != 0 {
		t.Errorf("with a name for all: %q, %v", got, cluster.GetTransportSocketMatches())
	}
}

// pings returns the seconds between two pings.
func pings(t *testing.T, cluster *clusterv3.Cluster) int64 {
	t.Helper()
	for _, packed := range cluster.GetTypedExtensionProtocolOptions() {
		options := &httpv3.HttpProtocolOptions{}
		if err := packed.UnmarshalTo(options); err != nil {
			t.Fatal(err)
		}
		return options.GetExplicitHttpConfig().GetHttp2ProtocolOptions().GetConnectionKeepalive().GetInterval().GetSeconds()
	}
	return 0
}

// names are those that a transport socket takes.
func names(context *tlsv3.UpstreamTlsContext) string {
	var out []string
	for _, m := range context.GetCommonTlsContext().GetCombinedValidationContext().GetDefaultValidationContext().GetMatchTypedSubjectAltNames() {
		out = append(out, m.GetSanType().String()+" "+m.GetMatcher().GetExact())
	}
	return strings.Join(out, ", ")
}
