package replay

import (
	jwtauthnv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/portreeve/portreeve/translate/envoy"
)

// loggedPayload is the key under which the payload of a token is left that the log tells of.
const loggedPayload = "payload"

// NewFacts returns what the configurations say: the first is the one under which the log was written.
func NewFacts(old, new envoy.Resources) Facts {
	out := Facts{TLSPorts: map[uint32]bool{}, PlacedTokens: map[string]bool{}}
	for _, l := range old.Listeners {
		all := len(l.GetFilterChains()) > 0
		for _, c := range l.GetFilterChains() {
			all = all && c.GetTransportSocket() != nil
		}
		out.TLSPorts[l.GetAddress().GetSocketAddress().GetPortValue()] = all
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
	for _, l := range r.Listeners {
		eachProvider(l, visit)
	}
	for _, c := range r.ExtensionConfigs {
		eachProvider(c, visit)
	}
}

// place notes whose tokens are looked for in a place of their own.
func (f Facts) place(p *jwtauthnv3.JwtProvider) {
	if len(p.GetFromHeaders())+len(p.GetFromParams())+len(p.GetFromCookies()) > 0 {
		f.PlacedTokens[p.GetIssuer()] = true
	}
}

// eachProvider visits the providers of tokens in a message, at any depth.
func eachProvider(m proto.Message, visit func(*jwtauthnv3.JwtProvider)) {
	switch m := m.(type) {
	case *jwtauthnv3.JwtProvider:
		visit(m)
		return
	case *anypb.Any:
		if inner, err := m.UnmarshalNew(); err == nil {
			eachProvider(inner, visit)
		}
		return
	}
	m.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case field.IsMap() && field.MapValue().Message() != nil:
			v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool {
				eachProvider(v.Message().Interface(), visit)
				return true
			})
		case field.IsList() && field.Message() != nil:
			for i := range v.List().Len() {
				eachProvider(v.List().Get(i).Message().Interface(), visit)
			}
		case !field.IsMap() && field.Message() != nil:
			eachProvider(v.Message().Interface(), visit)
		}
		return true
	})
}
