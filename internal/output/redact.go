package output

import (
	"slices"
	"strings"

	"github.com/cncf/xds/go/udpa/annotations"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/resource"
)

// redactedText stands where a secret was.
const redactedText = "[redacted]"

// Redacted returns a message without what is secret in it, at any depth and through Anys, and
// whether anything was taken out. The message given is not changed.
//
// It goes by kind and not by place, and fails closed: what a source of data holds is secret
// unless its field is one that all may read. Of a key set the public keys stay, and a
// symmetric key is replaced by one that verifies nothing: whoever uses what was shown refuses
// tokens. The names of files on the gateway's machine stay. Of a kind of Secret that is not
// known, only the name is left.
func Redacted[T proto.Message](m T) (T, bool) {
	out := proto.CloneOf(m)
	var r redactor
	r.message(out.ProtoReflect())
	return out, r.withheld
}

// redactor changes messages in place and notes that it did.
type redactor struct{ withheld bool }

func (r *redactor) message(m protoreflect.Message) {
	switch m := m.Interface().(type) {
	case *anypb.Any:
		r.packed(m)
		return
	case *tlsv3.Secret:
		r.secret(m)
	case *corev3.HeaderValue:
		if resource.Credential(m.GetKey()) {
			r.header(m)
		}
	case *corev3.HttpUri:
		m.Uri = text(r, m.GetUri(), resource.ShownAddress(m.GetUri()))
	}
	m.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case sensitive(field):
			r.blank(m, field)
		case field.Message() == nil:
		default:
			eachMessage(field, v, func(inner protoreflect.Message) { r.field(field, inner) })
		}
		return true
	})
}

// field looks at a message as what it is to the one that holds it.
func (r *redactor) field(field protoreflect.FieldDescriptor, m protoreflect.Message) {
	switch inner := m.Interface().(type) {
	case *corev3.DataSource:
		r.data(field, inner)
	case *corev3.HeaderValue:
		if toServers(field) {
			r.header(inner)
			return
		}
		r.message(m)
	default:
		r.message(m)
	}
}

// packed looks into an Any. One of a type that is not linked in cannot be looked into, and
// loses its content.
func (r *redactor) packed(a *anypb.Any) {
	m, err := a.UnmarshalNew()
	if err != nil {
		r.withheld, a.Value = true, nil
		return
	}
	inner := redactor{}
	inner.message(m.ProtoReflect())
	if inner.withheld {
		r.withheld, a.Value = true, match.Any(m).GetValue()
	}
}

func (r *redactor) secret(s *tlsv3.Secret) {
	switch s.GetType().(type) {
	case nil, *tlsv3.Secret_ValidationContext, *tlsv3.Secret_TlsCertificate:
	default:
		r.withheld, s.Type = true, nil
	}
}

func (r *redactor) header(h *corev3.HeaderValue) {
	r.withheld, h.RawValue, h.Value = true, nil, redactedText
}

// data redacts what a source of data holds itself.
func (r *redactor) data(field protoreflect.FieldDescriptor, d *corev3.DataSource) {
	switch kind := d.GetSpecifier().(type) {
	case *corev3.DataSource_InlineString:
		kind.InlineString = text(r, kind.InlineString, shownText(field, kind.InlineString))
	case *corev3.DataSource_InlineBytes:
		kind.InlineBytes = []byte(text(r, string(kind.InlineBytes), shownText(field, string(kind.InlineBytes))))
	}
}

// shownText is what may be shown of the content of a field.
func shownText(field protoreflect.FieldDescriptor, content string) string {
	switch name := string(field.Name()); {
	case name == "local_jwks":
		return resource.ShownKeys(content)
	case slices.Contains(publicData(), name):
		return content
	default:
		return redactedText
	}
}

// publicData are the fields whose data all may read: certificates, what is answered to
// whoever asks, and the form of a log line.
func publicData() []string {
	return []string{"certificate_chain", "trusted_ca", "crl", "ocsp_staple", "signed_certificate_timestamp", "body", "text_format_source"}
}

// blank takes out what a field holds, which Envoy itself calls sensitive.
func (r *redactor) blank(m protoreflect.Message, field protoreflect.FieldDescriptor) {
	switch {
	case field.IsList() || field.IsMap():
		r.withheld = true
		m.Clear(field)
	case field.Kind() == protoreflect.StringKind:
		r.withheld = true
		m.Set(field, protoreflect.ValueOfString(redactedText))
	case field.Message() != nil && field.Message().FullName() == (*corev3.DataSource)(nil).ProtoReflect().Descriptor().FullName():
		r.field(field, m.Mutable(field).Message())
	default:
		r.withheld = true
		m.Clear(field)
	}
}

// text returns what is shown in place of a text and notes whether it differs.
func text(r *redactor, before, after string) string {
	r.withheld = r.withheld || before != after
	return after
}

func eachMessage(field protoreflect.FieldDescriptor, v protoreflect.Value, visit func(protoreflect.Message)) {
	switch {
	case field.IsMap():
		if field.MapValue().Message() == nil {
			return
		}
		v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool {
			visit(v.Message())
			return true
		})
	case field.IsList():
		for i := range v.List().Len() {
			visit(v.List().Get(i).Message())
		}
	default:
		visit(v.Message())
	}
}

// sensitive reports whether Envoy calls a field sensitive, or forgot to.
func sensitive(field protoreflect.FieldDescriptor) bool {
	is, _ := proto.GetExtension(field.Options(), annotations.E_Sensitive).(bool)
	return is || field.Name() == "call_credentials"
}

// toServers reports whether headers go to a server that the gateway asks on its own account,
// such as an authorizer: what is put there by hand is more often a token than not.
func toServers(field protoreflect.FieldDescriptor) bool {
	name := string(field.FullName())
	return strings.HasSuffix(name, ".AuthorizationRequest.headers_to_add") || strings.HasSuffix(name, ".GrpcService.initial_metadata")
}
