package replay

import (
	"slices"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	jwtauthnv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	proxyprotocolv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/listener/proxy_protocol/v3"
	"google.golang.org/protobuf/proto"

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
	return out
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
