package optimize

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// maxDepth bounds how deep what a leaf asks is nested. Envoy reads 100 messages within one another and refuses what is deeper:
// each section of a tree lies two deeper than the one before it, some 30 of them at most, the guards within a section are up to
// twenty deep, and this is what is left. A rule that asks for more stays a rule.
const maxDepth = 18

// depthOf returns how many messages are nested in one, itself among them. What is in an Any does not count: it is read by itself.
func depthOf(m proto.Message) int { return depth(m.ProtoReflect()) }

func depth(m protoreflect.Message) int {
	below := 0
	m.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case field.IsMap() && field.MapValue().Message() != nil:
			v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool {
				below = max(below, 1+depth(v.Message()))
				return true
			})
		case field.IsList() && field.Message() != nil:
			for i := range v.List().Len() {
				below = max(below, depth(v.List().Get(i).Message()))
			}
		case !field.IsMap() && !field.IsList() && field.Message() != nil:
			below = max(below, depth(v.Message()))
		}
		return true
	})
	return below + 1
}
