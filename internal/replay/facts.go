package replay

import (
	"bytes"
	"slices"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	jwtauthnv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	proxyprotocolv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/listener/proxy_protocol/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/portreeve/portreeve/translate/envoy"
)

// loggedPayload is the key under which the payload of a token is left that the log tells of.
const loggedPayload = "payload"

// NewFacts returns what the configurations say: the first is the one under which the log was written.
func NewFacts(old, new envoy.Resources) Facts {
	out := Facts{TLSPorts: map[uint32]bool{}, PlacedTokens: map[string]bool{}, ProxyPorts: map[uint32]bool{}}
	for _, l := range old.Listeners {
		all := len(l.GetFilterChains()) > 0
		for _, c := range l.GetFilterChains() {
			all = all && c.GetTransportSocket() != nil
		}
		port := l.GetAddress().GetSocketAddress().GetPortValue()
		out.TLSPorts[port] = all
		out.ProxyPorts[port] = slices.ContainsFunc(l.GetListenerFilters(), func(f *listenerv3.ListenerFilter) bool {
			return f.GetTypedConfig().MessageIs((*proxyprotocolv3.ProxyProtocol)(nil))
		})
	}
	providers(old, func(p *jwtauthnv3.JwtProvider) {
		out.HiddenTokens = out.HiddenTokens || p.GetPayloadInMetadata() != loggedPayload
		out.place(p)
	})
	providers(new, out.place)
	out.AgentCounts = bytes.Contains(append(written(old), written(new)...), []byte(userAgent))
	return out
}

const userAgent = "user-agent"

// written is what could name a header, in lower case; what is packed in it is written in it as it is.
func written(r envoy.Resources) []byte {
	var out []byte
	add := func(m proto.Message) {
		b, err := proto.Marshal(m)
		if err != nil {
			return // it was made by this program
		}
		out = append(out, bytes.ToLower(b)...)
	}
	for _, m := range r.Listeners {
		for _, c := range m.GetFilterChains() {
			for _, f := range c.GetFilters() {
				addFilter(f.GetTypedConfig(), add)
			}
		}
	}
	for _, m := range r.Routes {
		add(m)
	}
	for _, m := range r.ExtensionConfigs {
		add(m)
	}
	return out
}

// addFilter adds a filter without its access logs, which name headers and decide nothing.
func addFilter(config *anypb.Any, add func(proto.Message)) {
	m, err := config.UnmarshalNew()
	if manager, ok := m.(*hcmv3.HttpConnectionManager); ok && err == nil {
		manager.AccessLog = nil
		add(manager)
		return
	}
	if config != nil {
		add(config)
	}
}

// providers visits the providers of tokens of a gateway.
func providers(r envoy.Resources, visit func(*jwtauthnv3.JwtProvider)) {
	envoy.EachFilter(r, func(_ string, config proto.Message) {
		tokens, _ := config.(*jwtauthnv3.JwtAuthentication)
		for _, p := range tokens.GetProviders() {
			visit(p)
		}
	})
}

// place notes whose tokens are looked for in a place of their own.
func (f Facts) place(p *jwtauthnv3.JwtProvider) {
	if len(p.GetFromHeaders())+len(p.GetFromParams())+len(p.GetFromCookies()) > 0 {
		f.PlacedTokens[p.GetIssuer()] = true
	}
}
