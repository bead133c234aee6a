package resource

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/portreeve/portreeve/translate/diag"
)

// supported refuses every field of the spec that is set and not listed. What the compiler
// does not translate is thereby an error and never silently dropped, also in a field that
// a newer API adds. Names are the YAML's, from the spec, joined by dots; only a list or
// mapping of plain values, or a plain value, is listed.
func (r *reporter) supported(spec proto.Message, fields []string) {
	r.supportedIn(spec.ProtoReflect(), Path{"spec"}, "", fields)
}

// ofIstio reports a message of Istio's API, which may have fields that nobody here knows of. Those of the
// messages that are defined here all count.
func ofIstio(m proto.Message) bool {
	return strings.HasPrefix(string(m.ProtoReflect().Descriptor().FullName()), "istio.")
}

func (r *reporter) supportedIn(m protoreflect.Message, path Path, prefix string, fields []string) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		name := prefix + f.JSONName()
		switch {
		case slices.Contains(fields, name):
		case !slices.ContainsFunc(fields, func(s string) bool { return strings.HasPrefix(s, name+".") }):
			at := path.Field(f.JSONName())
			why, instead := refusal(name)
			r.add(diag.CodeUnsupported, at, "%s %s", at, why).WithHint("%s", instead)
		case f.IsList():
			for i := range v.List().Len() {
				r.supportedIn(v.List().Get(i).Message(), path.Field(f.JSONName(), i), name+".", fields)
			}
		default:
			r.supportedIn(v.Message(), path.Field(f.JSONName()), name+".", fields)
		}
		return true
	})
}
