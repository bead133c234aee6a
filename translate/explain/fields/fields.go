// Package fields holds that nothing in a message is passed over in silence: whoever decides by messages of
// Envoy's API names the fields that he reads and those that do not matter to him, and refuses all others.
package fields

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
)

// Message names fields of a message as its .proto file does, with spaces between them.
type Message struct {
	// Read are the fields that are read. The messages in them, also in an Any, are walked too.
	Read string
	// Left are those that are not walked: they do not matter, or whoever reads them asks for himself.
	Left string
}

// Known are the messages that are understood.
type Known map[protoreflect.FullName]known

// known says of each field of a message whether it is walked.
type known map[protoreflect.Name]bool

// Of makes a list ready. Messages of google.protobuf that stand for one value need no entry.
func Of(list map[protoreflect.FullName]Message) Known {
	out := Known{}
	for name, m := range list {
		one := known{}
		for _, field := range strings.Fields(m.Left) {
			one[protoreflect.Name(field)] = false
		}
		for _, field := range strings.Fields(m.Read) {
			one[protoreflect.Name(field)] = true
		}
		out[name] = one
	}
	return out
}

// Check returns an error that names the first field which is set and not known, and the message that it is of.
func (k Known) Check(m proto.Message) error { return k.check(m.ProtoReflect(), "") }

func (k Known) check(m protoreflect.Message, path string) error {
	name := m.Descriptor().FullName()
	if a, ok := m.Interface().(*anypb.Any); ok {
		return k.checkAny(a, path)
	}
	one, ok := k[name]
	switch {
	case !ok && name.Parent() == "google.protobuf":
		return nil
	case !ok:
		return fmt.Errorf("%sthe message %s is not understood", place(path), name)
	case len(m.GetUnknown()) > 0:
		return fmt.Errorf("%s%s has a field that this program does not know", place(path), name)
	}
	for i := range m.Descriptor().Fields().Len() {
		field := m.Descriptor().Fields().Get(i)
		if !m.Has(field) {
			continue
		}
		at := path + "." + string(field.Name())
		walked, ok := one[field.Name()]
		if !ok {
			return fmt.Errorf("%sthe field %s of %s is not understood", place(at), field.Name(), name)
		}
		if walked {
			if err := k.checkField(field, m.Get(field), at); err != nil {
				return err
			}
		}
	}
	return nil
}

func (k Known) checkAny(a *anypb.Any, path string) error {
	m, err := a.UnmarshalNew()
	if err != nil {
		return fmt.Errorf("%s%w", place(path), err)
	}
	return k.check(m.ProtoReflect(), path)
}

func (k Known) checkField(field protoreflect.FieldDescriptor, v protoreflect.Value, at string) error {
	switch {
	case field.IsMap():
		return k.checkMap(field, v.Map(), at)
	case field.Message() == nil:
		return nil
	case !field.IsList():
		return k.check(v.Message(), at)
	}
	for i := range v.List().Len() {
		if err := k.check(v.List().Get(i).Message(), fmt.Sprintf("%s[%d]", at, i)); err != nil {
			return err
		}
	}
	return nil
}

func (k Known) checkMap(field protoreflect.FieldDescriptor, m protoreflect.Map, at string) error {
	if field.MapValue().Message() == nil {
		return nil
	}
	var err error
	m.Range(func(key protoreflect.MapKey, v protoreflect.Value) bool {
		err = k.check(v.Message(), fmt.Sprintf("%s[%s]", at, key))
		return err == nil
	})
	return err
}

// place introduces an error by where it is; at the top there is nothing to say.
func place(path string) string {
	if path == "" {
		return ""
	}
	return path[1:] + ": "
}
