package translate_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"

	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/policy"
	"github.com/portreeve/portreeve/translate/source"
)

// TestEveryChainHasPolicy holds, for the listeners of all cases, that no filter chain is
// without policy: the HTTP ones have its slot first, and the others all slots of network
// policy before the proxy. None of them has a default that would open without it.
func TestEveryChainHasPolicy(t *testing.T) {
	cases, err := filepath.Glob("testdata/*/in")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, in := range cases {
		dir := filepath.Dir(in)
		settings := settingsOf(t, dir)
		resources, _ := translate.Compile(settings.files(t, in), settings.Settings).For(ingress())
		for _, l := range resources.Listeners {
			for _, c := range l.GetFilterChains() {
				kind := "connections"
				filters := c.GetFilters()
				if len(filters) == 0 {
					seen["nothing"]++ // Envoy closes its connections
					continue
				}
				if last := filters[len(filters)-1]; last.GetName() == "envoy.filters.network.http_connection_manager" {
					kind = "requests"
					holdManager(t, in, last)
				} else {
					holdNetwork(t, in, filters)
				}
				if c.GetTransportSocket() != nil {
					kind += " over TLS"
				}
				seen[kind]++
			}
		}
	}
	for _, kind := range []string{"requests", "connections", "requests over TLS", "connections over TLS", "nothing"} {
		if seen[kind] == 0 {
			t.Errorf("no case has a chain of %s", kind)
		}
	}
}

func holdManager(t *testing.T, in string, filter *listenerv3.Filter) {
	t.Helper()
	manager := &hcmv3.HttpConnectionManager{}
	if err := filter.GetTypedConfig().UnmarshalTo(manager); err != nil {
		t.Fatal(err)
	}
	first := manager.GetHttpFilters()[0]
	if first.GetName() != envoy.PolicyFilter || !fromStream(first.GetConfigDiscovery()) || first.GetDisabled() || first.GetIsOptional() {
		t.Errorf("%s: the first filter is %v", in, first)
	}
	if last := manager.GetHttpFilters()[len(manager.GetHttpFilters())-1]; last.GetName() != "envoy.filters.http.router" {
		t.Errorf("%s: the last filter is %s", in, last.GetName())
	}
}

func holdNetwork(t *testing.T, in string, filters []*listenerv3.Filter) {
	t.Helper()
	var names []string
	filters = filters[:len(filters)-1]
	if n := len(filters) - 1; filters[n].GetName() == "envoy.filters.network.sni_dynamic_forward_proxy" {
		// It resolves a name, after all of policy.
		filters = filters[:n]
	}
	for _, f := range filters {
		names = append(names, f.GetName())
		if !fromStream(f.GetConfigDiscovery()) {
			t.Errorf("%s: %s is not asked for on the stream", in, f.GetName())
		}
	}
	for _, name := range []string{policy.NetworkCustomFilter, policy.NetworkAuditFilter, policy.NetworkDenyFilter, policy.NetworkAllowFilter} {
		if !slices.Contains(names, name) {
			t.Errorf("%s: a chain has the filters %v, without %s", in, names, name)
		}
	}
}

func fromStream(c *corev3.ExtensionConfigSource) bool {
	return c.GetConfigSource().GetAds() != nil && c.GetDefaultConfig() == nil && !c.GetApplyDefaultConfigWithoutWarming()
}

// TestGRPCWeb holds that only the port with such a server translates gRPC-Web.
func TestGRPCWeb(t *testing.T) {
	settings := settingsOf(t, "testdata/gateway-plain")
	resources, _ := translate.Compile(settings.files(t, "testdata/gateway-plain/in"), settings.Settings).For(ingress())
	for _, l := range resources.Listeners {
		filter := l.GetFilterChains()[0].GetFilters()[0]
		manager := &hcmv3.HttpConnectionManager{}
		if filter.GetTypedConfig().UnmarshalTo(manager) != nil {
			continue
		}
		has := slices.ContainsFunc(manager.GetHttpFilters(), func(f *hcmv3.HttpFilter) bool { return f.GetName() == "envoy.filters.http.grpc_web" })
		if has != (l.GetName() == "0.0.0.0_82") {
			t.Errorf("%s translates gRPC-Web: %v", l.GetName(), has)
		}
	}
}

// TestASecretInAnotherNamespaceRefusesTheGateway holds that the namespace of the gateway
// counts, and that what is broken there refuses it alone.
func TestASecretInAnotherNamespaceRefusesTheGateway(t *testing.T) {
	settings := settingsOf(t, "testdata/gateway-tls")
	program := translate.Compile(settings.files(t, "testdata/gateway-tls/in"), settings.Settings)
	for namespace, want := range map[string]string{
		"istio-system": "",
		"shop":         "gateway.yaml:19:23: error PR1101: no Secret one is in the namespace shop, in which the gateway runs",
		"elsewhere":    "secrets.yaml:61:3: error PR1103: Secret elsewhere/one holds no certificate where one should be",
	} {
		g := ingress()
		g.Namespace = namespace
		resources, refused := program.For(g)
		if (want == "") != (len(refused) == 0) || !strings.Contains(findings(refused), want) {
			t.Errorf("%s: refused for\n%s", namespace, findings(refused))
		}
		if want != "" && (len(resources.Listeners) > 0 || len(resources.Secrets) > 0) {
			t.Errorf("%s: it is given something", namespace)
		}
		if namespace != "istio-system" && strings.Contains(findings(refused), "in-files") {
			t.Errorf("%s: a directory is in every namespace:\n%s", namespace, findings(refused))
		}
	}
}

// TestABrokenSecretReachesEveryGatewayThatNamesIt holds that the same finding, reached by
// two Gateways, refuses the gateways of both.
func TestABrokenSecretReachesEveryGatewayThatNamesIt(t *testing.T) {
	settings := settingsOf(t, "testdata/certificates-refused")
	program := translate.Compile(settings.files(t, "testdata/certificates-refused/in"), settings.Settings)
	other := ingress()
	other.Labels = map[string]string{"istio": "other"}
	if _, refused := program.For(other); len(refused) != 1 || !strings.Contains(findings(refused), "PR1105: the key of Secret istio-system/mismatched") {
		t.Errorf("the other gateway is refused for\n%s", findings(refused))
	}
	other.Labels = map[string]string{"istio": "neither"}
	if _, refused := program.For(other); len(refused) > 0 {
		t.Errorf("a gateway that names none is refused for\n%s", findings(refused))
	}
}

// TestSecretsAreNoResources holds that a Secret is not among what render istio prints.
func TestSecretsAreNoResources(t *testing.T) {
	program := translate.Compile([]source.File{{Path: "a.yaml", Content: []byte("apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {a: b}\n")}}, settingsOf(t, "testdata/allow-nothing").Settings)
	if len(program.Resources)+len(program.Diags) > 0 {
		t.Errorf("resources %v, findings %v", program.Resources, program.Diags)
	}
}
