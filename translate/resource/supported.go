package resource

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/portreeve/portreeve/internal/diag"
)

// supported refuses every field of the spec that is set and not listed. What the compiler
// does not translate is thereby an error and never silently dropped, also in fields that a
// newer API adds. Names are field names from the spec, joined by dots; a listed field
// counts with all that is below it, unless fields below it are listed too.
func (c *checker) supported(spec proto.Message, fields ...string) {
	c.supportedIn(spec.ProtoReflect(), Path{"spec"}, "", fields)
}

func (c *checker) supportedIn(m protoreflect.Message, path Path, prefix string, fields []string) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		name, at := prefix+f.JSONName(), path.Field(f.JSONName())
		deeper := slices.ContainsFunc(fields, func(s string) bool { return strings.HasPrefix(s, name+".") })
		switch {
		case !deeper && slices.Contains(fields, name):
		case !deeper:
			c.add(diag.CodeUnsupported, at, "%s is not translated yet", at).WithHint("leave it out")
		case f.IsList():
			for i := range v.List().Len() {
				c.supportedIn(v.List().Get(i).Message(), at.Field(i), name+".", fields)
			}
		default:
			c.supportedIn(v.Message(), at, name+".", fields)
		}
		return true
	})
}
