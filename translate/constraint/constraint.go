// Package constraint holds messages against the rules that Envoy's API has for them, those in
// every Any too. Envoy does the same with what it is sent, and refuses a whole resource for one
// value; what is found here before is refused before.
package constraint

import (
	"fmt"
	"slices"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// Violation is a value that Envoy's API does not allow.
type Violation struct {
	// Path leads to the value from the message that was judged, in the words of Envoy's own
	// messages: VirtualHosts[0], Routes[3], Match. Entries of a map have their key in brackets.
	Path []string
	// Reason says what would be allowed.
	Reason string
}

// String returns the path, joined by dots, and the reason.
func (v Violation) String() string { return strings.Join(v.Path, ".") + ": " + v.Reason }

// Judge returns what of a message Envoy's API does not allow, in the order of the message; none
// says that all of it is allowed. What cannot be looked into, such as an Any of a type that this
// program does not know, is a violation too: nobody would have judged it.
func (k *Known) Judge(m proto.Message) []Violation {
	k.mu.Lock()
	defer k.mu.Unlock()
	w := &walk{known: k}
	if routes, ok := m.(*routev3.RouteConfiguration); ok {
		w.virtualHosts(routes)
		return w.found
	}
	w.whole(m)
	return w.found
}

// whole judges a message that is not in an Any.
func (w *walk) whole(m proto.Message) {
	content, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		w.violated(nil, fmt.Sprintf("it cannot be encoded: %v", err))
		return
	}
	if key := digestOf(m.ProtoReflect().Descriptor().FullName(), content); !w.known.has(key) {
		w.judge(key, m, content)
	}
}

// virtualHosts judges the virtual hosts of routes one by one, of which all of a port can be many, and
// then the rest of the routes. Envoy's API has no rule about them together (TestVirtualHostsAreJudgedOneByOne).
func (w *walk) virtualHosts(routes *routev3.RouteConfiguration) {
	for i, h := range routes.GetVirtualHosts() {
		one := &walk{known: w.known}
		one.whole(h)
		for _, v := range one.found {
			v.Path = append([]string{fmt.Sprintf("VirtualHosts[%d]", i)}, v.Path...)
			w.found = append(w.found, v)
		}
	}
	rest := &routev3.RouteConfiguration{}
	routes.ProtoReflect().Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if f.Name() != "virtual_hosts" {
			rest.ProtoReflect().Set(f, v)
		}
		return true
	})
	w.whole(rest)
}

// walk judges one message.
type walk struct {
	known *Known
	// path leads to what is being looked at.
	path  []step
	found []Violation
	// parts are what of the message, or of the Any, that is being looked at is remembered by itself.
	parts []digest
}

// judge judges a message, of which content is the encoding, and remembers it.
func (w *walk) judge(key digest, m proto.Message, content []byte) {
	before := len(w.found)
	w.validate(m)
	w.weights(m)
	w.anys(w.known.plans.of(m.ProtoReflect().Descriptor()), content)
	if len(w.found) == before {
		w.known.add(key, w.parts)
	}
}

// validate holds a message against its rules. Every message of Envoy's API has some; only those
// of protobuf itself have none.
func (w *walk) validate(m proto.Message) {
	ruled, ok := m.(interface{ ValidateAll() error })
	if !ok {
		if name := m.ProtoReflect().Descriptor().FullName(); name.Parent() != "google.protobuf" {
			w.violated(nil, fmt.Sprintf("%s has no rules that this program knows", name))
		}
		return
	}
	if err := ruled.ValidateAll(); err != nil {
		w.broken(nil, err)
	}
}

// broken reports an error of a generated method: a list of them, one about a field, or one about a
// field whose message has errors of its own.
func (w *walk) broken(below []string, err error) {
	if several, ok := err.(interface{ AllErrors() []error }); ok {
		for _, e := range several.AllErrors() {
			w.broken(below, e)
		}
		return
	}
	one, ok := err.(interface {
		Field() string
		Reason() string
		Cause() error
	})
	switch {
	case !ok:
		w.violated(below, err.Error())
	case one.Cause() != nil:
		w.broken(append(below[:len(below):len(below)], one.Field()), one.Cause())
	default:
		w.violated(append(below[:len(below):len(below)], one.Field()), one.Reason())
	}
}

func (w *walk) violated(below []string, reason string) {
	path := make([]string, 0, len(w.path)+len(below))
	for _, s := range w.path {
		path = append(path, s.String())
	}
	w.found = append(w.found, Violation{append(path, below...), reason})
}

// unpack judges what is in an Any. It fails closed: what cannot be unpacked is a violation.
func (w *walk) unpack(url string, content []byte) {
	kind, err := protoregistry.GlobalTypes.FindMessageByURL(url)
	if err != nil {
		w.violated(nil, fmt.Sprintf("it holds %q, a type that this program does not know", url))
		return
	}
	name := kind.Descriptor().FullName()
	key := digestOf(name, content)
	w.parts = append(w.parts, key)
	if w.known.has(key) {
		return
	}
	unjudged, known, others := w.known.withoutKnown(kind.Descriptor(), content)
	m := kind.New().Interface()
	if err := proto.Unmarshal(unjudged, m); err != nil {
		w.violated(nil, fmt.Sprintf("what it holds is no %s: %v", name, err))
		return
	}
	below := &walk{known: w.known, path: w.path, parts: slices.Concat(known, others)}
	below.judge(key, m, unjudged)
	if len(below.found) == 0 {
		for _, policy := range others {
			w.known.add(policy, nil)
		}
	}
	w.found = append(w.found, below.found...)
}
