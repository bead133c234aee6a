package resource

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// Described is a kind that is read, for those who say what can be written in it.
type Described struct {
	Kind Kind
	// Group is empty for the kinds of Kubernetes' core.
	Group string
	// Versions are those that are read, the newest first.
	Versions []string
	// Message defines the fields.
	Message protoreflect.MessageDescriptor
	// Fields are those that stand at the top of the object. It is nil where they stand in its spec.
	Fields []string
	counts []string
}

// Describe returns all kinds that are read, in a fixed order.
func Describe() []Described {
	all := definitions()
	out := make([]Described, 0, len(all))
	for _, d := range all {
		m := d.message()
		described := Described{Kind: d.kind, Group: d.group, Versions: d.versions, Message: m.ProtoReflect().Descriptor(), Fields: d.fields}
		if ofIstio(m) {
			described.counts = d.counts
		}
		out = append(out, described)
	}
	return out
}

// Refusal says of a field, by its path in the message with dots, why an object in which it is set is refused, and
// what to do instead. It is empty for a field that is translated, or has parts that are.
func (d Described) Refusal(path string) (why, instead string) {
	if d.counts == nil {
		return "", ""
	}
	for _, c := range d.counts {
		if c == path || strings.HasPrefix(c, path+".") || strings.HasPrefix(path, c+".") {
			return "", ""
		}
	}
	return refusal(path)
}

// Unhonoured is a kind of Istio's that is recognized and has no effect.
type Unhonoured struct {
	Kind  Kind
	Group string
	// Hint says what to write instead.
	Hint string
}

// DescribeUnhonoured returns these kinds, in a fixed order.
func DescribeUnhonoured() []Unhonoured {
	all := kindsWithoutEffect()
	out := make([]Unhonoured, 0, len(all))
	for _, k := range all {
		out = append(out, Unhonoured{k.kind, k.group, k.hint})
	}
	return out
}

// MetadataFields returns the names that metadata may have; those behind the first five are read and mean nothing.
func MetadataFields() []string { return slices.Clone(metadataFields()) }
