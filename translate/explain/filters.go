package explain

import (
	"fmt"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	corsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/cors/v3"
	dfphttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/dynamic_forward_proxy/v3"
	extauthzv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3"
	faultv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/fault/v3"
	filterchainv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/filter_chain/v3"
	grpcwebv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/grpc_web/v3"
	headermutationv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/header_mutation/v3"
	jwtauthnv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	setfilterstatev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/set_filter_state/v3"
	extauthznetworkv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/ext_authz/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	rbacnetworkv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/rbac/v3"
	dfpsniv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/sni_dynamic_forward_proxy/v3"
	tcpproxyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/portreeve/portreeve/translate/explain/rbac"
	"github.com/portreeve/portreeve/translate/explain/token"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// filter is a filter of requests, made ready: it takes a request through.
type filter func(*walk)

// connectionFilter is a filter of connections, made ready.
type connectionFilter func(*walk)

// httpFilters makes what stands behind a name in a connection manager ready: one filter, or all that
// are packed in one.
func (b *builder) httpFilters(name string, config *anypb.Any) ([]filter, error) {
	m, err := unpack(name, config)
	if err != nil {
		return nil, err
	}
	packed, ok := m.(*filterchainv3.FilterChainConfig)
	if !ok {
		f, err := b.httpFilter(name, m)
		return []filter{f}, err
	}
	var out []filter
	for _, inner := range packed.GetDefaultFilterChain().GetFilters() {
		filters, err := b.httpFilters(inner.GetName(), inner.GetTypedConfig())
		if err != nil {
			return nil, err
		}
		out = append(out, filters...)
	}
	return out, nil
}

func (b *builder) httpFilter(name string, config any) (filter, error) {
	switch c := config.(type) {
	case *rbachttpv3.RBAC:
		return rbacFilter(rbac.HTTP(name, c))
	case *jwtauthnv3.JwtAuthentication:
		return tokenFilter(token.New(name, c))
	case *headermutationv3.HeaderMutation:
		return mutation(c)
	case *setfilterstatev3.Config:
		return filterState(c)
	case *extauthzv3.ExtAuthz:
		return authorizer(name, c)
	case *faultv3.HTTPFault:
		return faults(), nil
	case *corsv3.Cors:
		return crossOrigin(), nil
	case *grpcwebv3.GrpcWeb, *dfphttpv3.FilterConfig:
		return func(*walk) {}, nil
	case *routerv3.Router:
		return router(), nil
	default:
		return nil, fmt.Errorf("filter %s: %T is not understood", name, c)
	}
}

// connectionFilter adds a filter of connections to a chain.
func (b *builder) connectionFilter(to *chain, f *listenerv3.Filter) error {
	config := f.GetTypedConfig()
	if f.GetConfigDiscovery() != nil {
		config = b.extensions[f.GetName()].GetTypedConfig()
	}
	m, err := unpack(f.GetName(), config)
	if err != nil {
		return err
	}
	var ready connectionFilter
	switch c := m.(type) {
	case *hcmv3.HttpConnectionManager:
		to.manager, err = b.manager(c)
		return err
	case *rbacnetworkv3.RBAC:
		ready, err = networkRBACFilter(rbac.Network(f.GetName(), c))
	case *extauthznetworkv3.ExtAuthz:
		ready, err = networkAuthorizer(f.GetName(), c)
	case *tcpproxyv3.TcpProxy:
		ready = tcpProxy(c)
	case *dfpsniv3.FilterConfig:
		ready = resolvesName
	default:
		return notUnderstood("network filter "+f.GetName(), m)
	}
	to.filters = append(to.filters, ready)
	return err
}

func rbacFilter(f *rbac.Filter, err error) (filter, error) {
	return func(w *walk) { w.decide(f.Decide) }, err
}

func networkRBACFilter(f *rbac.Filter, err error) (connectionFilter, error) {
	return func(w *walk) { w.decide(f.Decide) }, err
}

func tokenFilter(f *token.Filter, err error) (filter, error) {
	return func(w *walk) { w.decide(f.Decide) }, err
}

// decide takes a request through a filter that lets pass or denies.
func (w *walk) decide(by func(*traffic.Stream) traffic.Effect) {
	before := len(w.stream.Findings)
	effect := by(w.stream)
	w.stops(effect, Denied, decisive(w.stream.Findings, before))
}

// decisive is the one finding of a filter that denied, or -1 where several may have.
func decisive(all []traffic.Finding, from int) int {
	out := noReason
	for i, f := range all[from:] {
		switch {
		case f.Kind != traffic.Denies || f.Matched.Fails():
		case f.Matched.Holds():
			return from + i
		case out == noReason:
			out = from + i
		default:
			return noReason
		}
	}
	return out
}
