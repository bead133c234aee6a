package envoy

import (
	filterchainv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/filter_chain/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// EachFilter visits the filters of a gateway, those that stand in its listeners and those that are
// discovered, and what is packed in one of them. What several chains have is visited for each.
func EachFilter(r Resources, visit func(name string, config proto.Message)) {
	for _, l := range r.Listeners {
		for _, c := range l.GetFilterChains() {
			for _, f := range c.GetFilters() {
				eachIn(f.GetName(), f.GetTypedConfig(), visit)
			}
		}
	}
	for _, c := range r.ExtensionConfigs {
		eachIn(c.GetName(), c.GetTypedConfig(), visit)
	}
}

func eachIn(name string, config *anypb.Any, visit func(string, proto.Message)) {
	m, err := config.UnmarshalNew()
	if err != nil {
		return
	}
	switch c := m.(type) {
	case *hcmv3.HttpConnectionManager:
		for _, f := range c.GetHttpFilters() {
			eachIn(f.GetName(), f.GetTypedConfig(), visit)
		}
	case *filterchainv3.FilterChainConfig:
		for _, f := range c.GetDefaultFilterChain().GetFilters() {
			eachIn(f.GetName(), f.GetTypedConfig(), visit)
		}
	}
	visit(name, m)
}
