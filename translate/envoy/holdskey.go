package envoy

import (
	"net/url"

	"github.com/cncf/xds/go/udpa/annotations"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/portreeve/portreeve/translate/resource"
)

// HoldsKey reports whether a resource holds a private key, a symmetric key or a password itself, at any
// depth and through Anys. One that the gateway reads from a file of its own is not held.
//
// It fails closed: what Envoy calls sensitive is one, so is a key set that cannot be read, an Any that
// cannot be looked into, a kind of secret that is not known, and a user in the URI of a server.
func HoldsKey(m proto.Message) bool { return holdsKey(m.ProtoReflect()) }

func holdsKey(m protoreflect.Message) bool {
	switch m := m.Interface().(type) {
	case *anypb.Any:
		inner, err := m.UnmarshalNew()
		return err != nil || HoldsKey(inner)
	case *tlsv3.Secret:
		if s := m.GetGenericSecret(); s != nil && inlined(s.GetSecret()) != "" {
			return true
		}
	case *corev3.HttpUri:
		if at, err := url.Parse(m.GetUri()); err != nil || at.User != nil {
			return true
		}
	}
	holds := false
	m.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		holds = fieldHoldsKey(field, v)
		return !holds
	})
	return holds
}

func fieldHoldsKey(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
	sensitive, _ := proto.GetExtension(field.Options(), annotations.E_Sensitive).(bool)
	holds := func(v protoreflect.Value) bool {
		switch {
		case field.Message() == nil:
			return sensitive
		case field.IsMap() && field.MapValue().Message() == nil:
			return sensitive
		}
		if source, ok := v.Message().Interface().(*corev3.DataSource); ok {
			text := inlined(source)
			return text != "" && (sensitive || field.Name() == "local_jwks" && resource.ShownKeys(text) != text)
		}
		return sensitive || holdsKey(v.Message())
	}
	switch {
	case field.IsList():
		for i := range v.List().Len() {
			if holds(v.List().Get(i)) {
				return true
			}
		}
		return false
	case field.IsMap():
		found := false
		v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool {
			found = holds(v)
			return !found
		})
		return found
	default:
		return holds(v)
	}
}

// inlined returns what a source of data holds itself.
func inlined(d *corev3.DataSource) string { return d.GetInlineString() + string(d.GetInlineBytes()) }
