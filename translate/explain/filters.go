package explain

import (
	"fmt"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	matchingv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/common/matching/v3"
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
	"github.com/portreeve/portreeve/translate/explain/route"
	"github.com/portreeve/portreeve/translate/explain/token"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// filter is a filter of requests or of connections, made ready: it takes one through.
type filter func(*walk)

// httpFilters makes what stands behind a name in a connection manager ready: one filter, or all that
// are packed in one.
func (b *builder) httpFilters(name string, config *anypb.Any, table *route.Table) ([]filter, error) {
	m, err := b.unpack(name, config)
	if err != nil {
		return nil, err
	}
	packed, ok := m.(*filterchainv3.FilterChainConfig)
	if !ok {
		f, err := b.httpFilter(name, m, table)
		if err != nil {
			return nil, fmt.Errorf("filter %s: %w", name, err)
		}
		return []filter{f}, nil
	}
	var out []filter
	for _, inner := range packed.GetDefaultFilterChain().GetFilters() {
		filters, err := b.httpFilters(inner.GetName(), inner.GetTypedConfig(), table)
		if err != nil {
			return nil, err
		}
		out = append(out, filters...)
	}
	return out, nil
}

func (b *builder) httpFilter(name string, config any, table *route.Table) (filter, error) {
	switch c := config.(type) {
	case *rbachttpv3.RBAC:
		f, err := rbac.HTTP(name, c)
		return func(w *walk) { w.decide(f.Decide) }, err
	case *jwtauthnv3.JwtAuthentication:
		f, err := token.New(name, c)
		return func(w *walk) { w.decide(f.Decide) }, err
	case *headermutationv3.HeaderMutation:
		return mutation(c)
	case *matchingv3.ExtensionWithMatcher:
		return b.skipped(name, c)
	case *setfilterstatev3.Config:
		return filterState(c)
	case *extauthzv3.ExtAuthz:
		return b.authorizer(name, c)
	case *faultv3.HTTPFault:
		return b.faults(name, table)
	case *corsv3.Cors:
		return b.crossOrigin(name, table)
	case *grpcwebv3.GrpcWeb:
		return func(*walk) {}, nil
	case *dfphttpv3.FilterConfig:
		return resolvesHost(name), nil
	case *routerv3.Router:
		return router, nil
	default:
		return nil, fmt.Errorf("%T is not understood", c)
	}
}

// connectionFilter adds a filter of connections to a chain.
func (b *builder) connectionFilter(to *chain, f *listenerv3.Filter) error {
	config := f.GetTypedConfig()
	if f.GetConfigDiscovery() != nil {
		config = b.extensions[f.GetName()].GetTypedConfig()
	}
	m, err := b.unpack(f.GetName(), config)
	if err != nil {
		return err
	}
	if manager, ok := m.(*hcmv3.HttpConnectionManager); ok {
		to.manager, err = b.manager(manager)
		return err
	}
	ready, err := b.networkFilter(f.GetName(), m)
	to.filters = append(to.filters, ready)
	return err
}

func (b *builder) networkFilter(name string, config any) (filter, error) {
	switch c := config.(type) {
	case *rbacnetworkv3.RBAC:
		f, err := rbac.Network(name, c)
		return func(w *walk) { w.decide(f.Decide) }, err
	case *extauthznetworkv3.ExtAuthz:
		return b.networkAuthorizer(name, c)
	case *tcpproxyv3.TcpProxy:
		return tcpProxy(c), nil
	case *dfpsniv3.FilterConfig:
		return resolvesName, nil
	default:
		return nil, fmt.Errorf("%T is not understood", c)
	}
}

// decide takes a request through a filter that lets pass or denies.
func (w *walk) decide(by func(*traffic.Stream) traffic.Effect) {
	before := len(w.stream.Findings)
	effect := by(w.stream)
	found := w.stream.Findings[before:]
	if i := decisive(found, allows); i >= 0 && w.allowedBy < 0 {
		w.allowedBy = before + i
	}
	reason := noReason
	if i := decisive(found, refuses); i >= 0 && !effect.Stops.Fails() {
		reason = before + i
	}
	w.filtered(effect.Stops, end{verdict: Denied, reply: effect.Reply, reason: reason})
}

// allows is whether a request may pass because of a rule.
func allows(f traffic.Finding) traffic.Condition {
	return traffic.Known(f.Kind == traffic.Allows).And(f.Matched)
}

// refuses is whether a request may be refused because of a rule, or of a provider.
func refuses(f traffic.Finding) traffic.Condition {
	switch f.Kind {
	case traffic.Denies:
		return f.Matched
	case traffic.Verifies:
		return traffic.Known(f.Refuses)
	default:
		return traffic.Known(false)
	}
}

// decisive is the one finding that decides, or -1 where several may. Where one surely does, those behind
// it do not count.
func decisive(found []traffic.Finding, decides func(traffic.Finding) traffic.Condition) int {
	out := noReason
	for i, f := range found {
		switch c := decides(f); {
		case c.Fails():
		case out != noReason:
			return noReason
		case c.Holds():
			return i
		default:
			out = i
		}
	}
	return out
}
