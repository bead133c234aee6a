package explain

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	jwtauthnv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	proxyprotocolv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/listener/proxy_protocol/v3"
	tlsinspectorv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/listener/tls_inspector/v3"
	rbacnetworkv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/rbac/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/explain/fields"
	"github.com/portreeve/portreeve/translate/explain/route"
)

// builder makes the resources of a gateway ready. What several listeners use is made once.
type builder struct {
	extensions map[string]*corev3.TypedExtensionConfig
	routes     map[string]*routev3.RouteConfiguration
	tables     map[*routev3.RouteConfiguration]*route.Table
	backends   backends
	known      fields.Known
	// providers are the names of all authorizers.
	providers []string
}

func newBuilder(r envoy.Resources) *builder {
	out := &builder{
		extensions: map[string]*corev3.TypedExtensionConfig{}, routes: map[string]*routev3.RouteConfiguration{},
		tables: map[*routev3.RouteConfiguration]*route.Table{}, backends: newBackends(r), known: known(),
	}
	for _, c := range r.ExtensionConfigs {
		out.extensions[c.GetName()] = c
	}
	for _, c := range r.Routes {
		out.routes[c.GetName()] = c
	}
	return out
}

// unpack returns the message in an Any, of which all has to be known.
func (b *builder) unpack(what string, a *anypb.Any) (proto.Message, error) {
	out, err := a.UnmarshalNew()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	switch out.(type) {
	case *rbachttpv3.RBAC, *rbacnetworkv3.RBAC, *jwtauthnv3.JwtAuthentication:
		// Who reads these holds them against lists of its own.
		return out, nil
	}
	if err := b.known.Check(out); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return out, nil
}

func notUnderstood(what string, m proto.Message) error {
	return fmt.Errorf("%s: %s is not understood", what, m.ProtoReflect().Descriptor().FullName())
}

func (b *builder) listener(l *listenerv3.Listener) (*listener, error) {
	if err := b.known.Check(l); err != nil {
		return nil, fmt.Errorf("listener %s: %w", l.GetName(), err)
	}
	out := &listener{name: l.GetName()}
	if err := out.setAddress(l.GetAddress()); err != nil {
		return nil, fmt.Errorf("listener %s: %w", l.GetName(), err)
	}
	for _, f := range l.GetListenerFilters() {
		m, err := b.unpack(f.GetName(), f.GetTypedConfig())
		if err != nil {
			return nil, err
		}
		switch m.(type) {
		case *tlsinspectorv3.TlsInspector:
			out.inspects = true
		case *proxyprotocolv3.ProxyProtocol:
			out.proxied = true
		default:
			return nil, notUnderstood("listener "+l.GetName(), m)
		}
	}
	for i, c := range l.GetFilterChains() {
		ready, err := b.chain(c)
		if err != nil {
			return nil, fmt.Errorf("listener %s: chain %d: %w", l.GetName(), i, err)
		}
		ready.index = i
		out.chains = append(out.chains, ready)
	}
	return out, nil
}

// setAddress reads where a listener takes connections in. The port of one at a Unix socket, which
// servers are told apart by, stands in its name alone.
func (l *listener) setAddress(a *corev3.Address) error {
	if a.GetPipe() != nil {
		_, port, _ := cutLast(l.name, "_")
		number, err := strconv.ParseUint(port, 10, 32)
		if err != nil {
			return fmt.Errorf("read its port: %w", err)
		}
		l.port = uint32(number)
		return nil
	}
	address, err := netip.ParseAddr(a.GetSocketAddress().GetAddress())
	if err != nil {
		return fmt.Errorf("read its address: %w", err)
	}
	l.address, l.port = address.Unmap(), a.GetSocketAddress().GetPortValue()
	return nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

func (b *builder) chain(c *listenerv3.FilterChain) (*chain, error) {
	wanted := c.GetFilterChainMatch()
	out := &chain{name: c.GetName(), serverNames: wanted.GetServerNames(), transport: transport(wanted.GetTransportProtocol())}
	if out.transport != "" && out.transport != overTLS {
		return nil, fmt.Errorf("transport protocol %q is not understood", out.transport)
	}
	if t := c.GetTransportSocket(); t != nil {
		m, err := b.unpack("transport socket", t.GetTypedConfig())
		if err != nil {
			return nil, err
		}
		tls, ok := m.(*tlsv3.DownstreamTlsContext)
		if !ok {
			return nil, notUnderstood("transport socket", m)
		}
		out.tls = &termination{
			verifies: tls.GetCommonTlsContext().GetValidationContextType() != nil,
			demands:  tls.GetRequireClientCertificate().GetValue(),
		}
	}
	for _, f := range c.GetFilters() {
		if err := b.connectionFilter(out, f); err != nil {
			return nil, fmt.Errorf("filter %s: %w", f.GetName(), err)
		}
	}
	return out, nil
}
