package translate_test

import (
	"path/filepath"
	"slices"
	"testing"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"

	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/policy"
)

// TestEveryConnectionMeetsPolicy holds that wherever connections are handed on that nobody reads, all policy of connections stands
// before, whatever the servers are: without its filters everybody would get through.
func TestEveryConnectionMeetsPolicy(t *testing.T) {
	cases, err := filepath.Glob("testdata/*/in")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	proxies := 0
	for _, in := range cases {
		settings := settingsOf(t, filepath.Dir(in))
		program := settings.at(translate.Compile(settings.files(t, in), settings.Settings))
		for _, render := range []func(model.Gateway) (envoy.Resources, diag.List){program.For, program.Static} {
			r, _ := render(ingress())
			for _, l := range r.Listeners {
				for _, chain := range l.GetFilterChains() {
					if hasProxy(chain) {
						proxies++
						meetsPolicy(t, in, l.GetName(), chain)
					}
				}
			}
		}
	}
	if proxies < 20 {
		t.Errorf("only %d chains hand connections on", proxies)
	}
}

func hasProxy(chain *listenerv3.FilterChain) bool {
	return slices.ContainsFunc(chain.GetFilters(), func(f *listenerv3.Filter) bool { return f.GetName() == "envoy.filters.network.tcp_proxy" })
}

func meetsPolicy(t *testing.T, in, listener string, chain *listenerv3.FilterChain) {
	t.Helper()
	var before []string
	for _, f := range chain.GetFilters() {
		before = append(before, f.GetName())
	}
	last := len(before) - 1
	for _, name := range []string{policy.NetworkAuditFilter, policy.NetworkDenyFilter, policy.NetworkAllowFilter} {
		if at := slices.Index(before, name); at < 0 || at >= last {
			t.Errorf("%s, %s: %s is not before the proxy: %v", in, listener, name, before)
		}
	}
}
