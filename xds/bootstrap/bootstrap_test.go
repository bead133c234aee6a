package bootstrap_test

import (
	"strings"
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"

	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/xds/bootstrap"
)

// plane returns the cluster of the control plane, and its TLS where it has any.
func plane(t *testing.T, o bootstrap.Options) (*clusterv3.Cluster, *tlsv3.UpstreamTlsContext) {
	t.Helper()
	o.Name, o.Gateway, o.AdminAddress = "gateway", model.Gateway{Namespace: "edge"}, "127.0.0.1:0"
	b, err := bootstrap.New(o)
	if err != nil {
		t.Fatal(err)
	}
	back := b.GetDynamicResources().GetAdsConfig().GetGrpcServices()[0].GetEnvoyGrpc().GetRetryPolicy().GetRetryBackOff()
	if back.GetBaseInterval().AsDuration() != 500*time.Millisecond || back.GetMaxInterval().AsDuration() != 5*time.Second {
		t.Errorf("back-off: %v", back)
	}
	c := b.GetStaticResources().GetClusters()[0]
	if c.GetTransportSocket() == nil {
		return c, nil
	}
	context := &tlsv3.UpstreamTlsContext{}
	if err := c.GetTransportSocket().GetTypedConfig().UnmarshalTo(context); err != nil {
		t.Fatal(err)
	}
	return c, context
}

// TestTheNameOfTheControlPlaneIsAlwaysAsked holds that no address leaves out what tells it from a gateway.
func TestTheNameOfTheControlPlaneIsAlwaysAsked(t *testing.T) {
	for name, c := range map[string]struct{ address, told, san, sni string }{
		"a DNS name":                {"plane.example.com:18000", "", "DNS plane.example.com", "plane.example.com"},
		"a DNS name, written large": {"Plane.Example.com.:18000", "", "DNS plane.example.com", "plane.example.com"},
		"an address":                {"127.0.0.1:18000", "", "IP_ADDRESS 127.0.0.1", ""},
		"an address of version 6":   {"[0:0:0:0:0:0:0:1]:18000", "", "IP_ADDRESS ::1", ""},
		"a name that is told":       {"10.0.0.1:18000", "plane", "DNS plane", "plane"},
		"a Unix socket":             {"unix:///run/xds.sock", "", "DNS localhost", "localhost"},
	} {
		t.Run(name, func(t *testing.T) {
			_, context := plane(t, bootstrap.Options{XDSAddresses: []string{c.address}, TLS: &bootstrap.TLS{Dir: "/pair", ServerName: c.told}})
			matchers := context.GetCommonTlsContext().GetCombinedValidationContext().GetDefaultValidationContext().GetMatchTypedSubjectAltNames()
			if len(matchers) != 1 || matchers[0].GetSanType().String()+" "+matchers[0].GetMatcher().GetExact() != c.san {
				t.Errorf("matchers: %v, want %s", matchers, c.san)
			}
			if context.GetSni() != c.sni {
				t.Errorf("SNI %q, want %q", context.GetSni(), c.sni)
			}
			parameters := context.GetCommonTlsContext().GetTlsParams()
			if parameters.GetTlsMinimumProtocolVersion() != tlsv3.TlsParameters_TLSv1_3 || parameters.GetTlsMaximumProtocolVersion() != tlsv3.TlsParameters_TLSv1_3 {
				t.Errorf("TLS: %v", parameters)
			}
		})
	}
}

func TestAUnixSocketIsReachedByItsPath(t *testing.T) {
	path := "/" + strings.Repeat("a", 106)
	c, context := plane(t, bootstrap.Options{XDSAddresses: []string{"unix://" + path}})
	if got := c.GetLoadAssignment().GetEndpoints()[0].GetLbEndpoints()[0].GetEndpoint().GetAddress().GetPipe().GetPath(); got != path || context != nil {
		t.Errorf("path %q, TLS %v", got, context)
	}
	for _, address := range []string{"unix://" + path + "a", "unix://relative", "unix:/run/x", "unix://", "unix:///a\x00b", "host", "host:99999", ":1"} {
		if _, err := bootstrap.New(bootstrap.Options{XDSAddresses: []string{address}, AdminAddress: "127.0.0.1:0"}); err == nil {
			t.Errorf("%q is taken", address)
		}
	}
}

func TestOnlyThisMachineIsLocal(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:1": true, "127.9.9.9:1": true, "[::1]:1": true, "localhost:1": true, "unix:///x": true,
		"10.0.0.1:1": false, "plane:1": false, "0.0.0.0:1": false, "localhost.example.com:1": false,
	} {
		at, err := bootstrap.ParseAddress(address)
		if err != nil || at.Local() != want {
			t.Errorf("%s: local %v, %v, want %v", address, at.Local(), err, want)
		}
	}
}
