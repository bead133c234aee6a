package test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/portreeve/portreeve/internal/envoytest"
	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
	"github.com/portreeve/portreeve/xds/bootstrap"
)

// shapes are the gateways that a table of verdicts is held against: what gateways are served,
// and the filters that Istio would generate for the same policy.
func shapes() map[string]func(t *testing.T, policy string) string {
	return map[string]func(t *testing.T, policy string) string{
		"ours": func(t *testing.T, policy string) string {
			_, address := meshGateway(t, "{}\n", policy)
			return address
		},
		"Istio's": istioGateway,
	}
}

// istioGateway is meshGateway with the filters of policy in Istio's shape.
func istioGateway(t *testing.T, policy string) string {
	t.Helper()
	envoytest.Require(t)
	port := envoytest.FreePort(t)
	files, err := source.Read(os.DirFS(newPolicyDir(t, map[string]string{"routing.yaml": routing(port, runRawBackend(t).port()) + "---\n" + policy})))
	must(t, err)
	program := translate.Compile(files, model.DefaultSettings())
	gateway := model.Gateway{Namespace: "istio-system", Labels: map[string]string{"istio": "ingressgateway"}}
	static, refused := program.Static(gateway)
	istio, _ := program.Istio(gateway)
	if len(refused) > 0 {
		t.Fatalf("the policy is refused: %v", refused)
	}
	for _, l := range static.Listeners {
		replacePolicy(t, l, istio)
	}
	whole, err := bootstrap.Static(bootstrap.Options{Name: "gateway", Gateway: gateway, AdminAddress: "127.0.0.1:0"}, static)
	must(t, err)
	content, err := protojson.Marshal(whole)
	must(t, err)
	envoytest.Run(t, envoytest.Options{Bootstrap: content}).MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))
	return fmt.Sprintf("127.0.0.1:%d", port)
}

// replacePolicy puts Istio's filters where a listener has ours.
func replacePolicy(t *testing.T, l *listenerv3.Listener, istio envoy.Resources) {
	t.Helper()
	for _, chain := range slices.Concat(l.GetFilterChains(), []*listenerv3.FilterChain{l.GetDefaultFilterChain()}) {
		for _, filter := range chain.GetFilters() {
			var manager hcmv3.HttpConnectionManager
			must(t, filter.GetTypedConfig().UnmarshalTo(&manager))
			at := slices.IndexFunc(manager.GetHttpFilters(), func(f *hcmv3.HttpFilter) bool { return f.GetName() == envoy.PolicyFilter })
			var own []*hcmv3.HttpFilter
			for _, c := range istio.ExtensionConfigs {
				if strings.Contains(c.GetTypedConfig().GetTypeUrl(), ".filters.network.") {
					continue // for servers whose connections are not read
				}
				own = append(own, &hcmv3.HttpFilter{Name: c.GetName(), ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: c.GetTypedConfig()}})
			}
			manager.HttpFilters = slices.Replace(manager.GetHttpFilters(), at, at+1, own...)
			must(t, filter.GetTypedConfig().MarshalFrom(&manager))
		}
	}
}
