package resource_test

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/resource"
)

// TestMatchesKnowEveryCondition holds that two matches which differ in any condition are not taken
// for the same: also in one that a later API adds.
func TestMatchesKnowEveryCondition(t *testing.T) {
	fields := (&networkingv1alpha3.HTTPMatchRequest{}).ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		if slices.Contains([]protoreflect.Name{"name", "stat_prefix"}, field.Name()) {
			continue // not conditions
		}
		t.Run(string(field.Name()), func(t *testing.T) {
			match := &networkingv1alpha3.HTTPMatchRequest{Uri: &networkingv1alpha3.StringMatch{MatchType: &networkingv1alpha3.StringMatch_Exact{Exact: "/a"}}}
			narrower := proto.Clone(match).(*networkingv1alpha3.HTTPMatchRequest)
			set(narrower.ProtoReflect(), field)
			before := resource.NewMatches[string]()
			before.Add(narrower, "first")
			if first, taken := before.Taking(match); taken {
				t.Errorf("%v is taken by %s, which has %s", match, first, field.Name())
			}
			if _, taken := before.Taking(narrower); !taken {
				t.Error("the same match is not found")
			}
		})
	}
}

// set gives a field some value that is not its zero.
func set(m protoreflect.Message, field protoreflect.FieldDescriptor) {
	text := (&networkingv1alpha3.StringMatch{MatchType: &networkingv1alpha3.StringMatch_Exact{Exact: "/b"}}).ProtoReflect()
	switch {
	case field.IsMap() && field.MapValue().Kind() == protoreflect.MessageKind:
		m.Mutable(field).Map().Set(protoreflect.ValueOfString("k").MapKey(), protoreflect.ValueOfMessage(text))
	case field.IsMap():
		m.Mutable(field).Map().Set(protoreflect.ValueOfString("k").MapKey(), protoreflect.ValueOfString("v"))
	case field.IsList():
		m.Mutable(field).List().Append(protoreflect.ValueOfString("v"))
	case field.Kind() == protoreflect.MessageKind:
		m.Set(field, protoreflect.ValueOfMessage(text))
	case field.Kind() == protoreflect.BoolKind:
		m.Set(field, protoreflect.ValueOfBool(true))
	case field.Kind() == protoreflect.Uint32Kind:
		m.Set(field, protoreflect.ValueOfUint32(7))
	default:
		m.Set(field, protoreflect.ValueOfString("v"))
	}
}
