// Package constraint holds messages against the rules that Envoy's API has for them, those in
// every Any too. Envoy does the same with what it is sent, and refuses a whole resource for one
// value; what is found here before is refused before.
package constraint

import (
	"fmt"
	"strings"
	"unicode/utf8"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
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
// program does not know, is a violation too: nobody would have judged it. A message is immutable: one
// that was judged right is right.
func (k *Known) Judge(m proto.Message) []Violation {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.hasMessage(m) {
		return nil
	}
	w := &walk{known: k}
	switch m := m.(type) {
	case *routev3.RouteConfiguration:
		w.virtualHosts(m)
	case *corev3.TypedExtensionConfig:
		w.extension(m)
	default:
		w.whole(m)
	}
	if len(w.found) == 0 {
		k.addMessage(m, w.parts)
	}
	return w.found
}

// whole judges a message that is not in an Any.
func (w *walk) whole(m proto.Message) {
	content, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		w.violated(nil, fmt.Sprintf("it cannot be encoded: %v", err))
		return
	}
	key := digestOf(m.ProtoReflect().Descriptor().FullName(), content)
	w.parts = append(w.parts, &right{digest: key})
	if !w.known.has(key) {
		below := &walk{known: w.known}
		below.judge(m, content)
		w.remember(below, &right{digest: key})
	}
}

// extension judges what all policy of a gateway can be. It is not encoded for that: what it holds is.
func (w *walk) extension(m *corev3.TypedExtensionConfig) {
	if len(m.GetTypedConfig().GetValue()) <= big || !utf8.ValidString(m.GetName()) {
		w.whole(m)
		return
	}
	w.validate(m)
	w.path = []step{{field: m.ProtoReflect().Descriptor().Fields().ByName("typed_config")}}
	w.unpack(m.GetTypedConfig().GetTypeUrl(), m.GetTypedConfig().GetValue())
	w.path = nil
}

// virtualHosts judges the virtual hosts of routes one by one, of which all of a port can be many, and
// then the rest of the routes. Envoy's API has no rule about them together (TestVirtualHostsAreJudgedOneByOne).
func (w *walk) virtualHosts(routes *routev3.RouteConfiguration) {
	for i, h := range routes.GetVirtualHosts() {
		one := &walk{known: w.known}
		one.whole(h)
		w.parts = append(w.parts, one.parts...)
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
	parts []*right
	// seen is what was judged within something large, which is remembered as a whole; nil elsewhere.
	seen map[digest]bool
}

// judge judges a message, of which content is the encoding.
func (w *walk) judge(m proto.Message, content []byte) {
	w.validate(m)
	w.weights(m)
	w.anys(w.known.plans.of(m.ProtoReflect().Descriptor()), content)
}

// remember takes what was found by a walk below, and where that is nothing what it has judged is right.
func (w *walk) remember(below *walk, judged *right) {
	w.found = append(w.found, below.found...)
	if len(below.found) == 0 {
		judged.below = below.parts
		w.known.add(judged)
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
	if len(content) > big {
		w.large(kind, content)
		return
	}
	key := digestOf(kind.Descriptor().FullName(), content)
	switch {
	case w.seen != nil:
		if w.seen[key] {
			return
		}
		before := len(w.found)
		w.content(kind, content)
		w.seen[key] = len(w.found) == before
	case w.known.has(key):
		w.parts = append(w.parts, &right{digest: key})
	default:
		below := &walk{known: w.known, path: w.path}
		below.content(kind, content)
		w.parts = append(w.parts, &right{digest: key})
		w.remember(below, &right{digest: key})
	}
}

// large judges what is in a large Any: only what is not in the one that is most like it and is right.
func (w *walk) large(kind protoreflect.MessageType, content []byte) {
	like, same := w.known.like(kind.Descriptor().FullName(), content)
	if !same {
		unjudged := content
		if like != nil {
			unjudged = w.known.without(kind.Descriptor(), like.content, content)
		}
		below := &walk{known: w.known, path: w.path, seen: map[digest]bool{}}
		below.content(kind, unjudged)
		like = &right{kind: kind.Descriptor().FullName(), content: content}
		w.remember(below, like)
	}
	w.parts = append(w.parts, like)
}

// nesting is how deep Envoy reads messages within one another, the outermost among them: what is deeper it refuses.
const nesting = 101

// content judges the encoding of a message.
func (w *walk) content(kind protoreflect.MessageType, content []byte) {
	m := kind.New().Interface()
	hollow := w.known.plans.hollow(kind.Descriptor(), content)
	if err := (proto.UnmarshalOptions{RecursionLimit: nesting}).Unmarshal(hollow, m); err != nil {
		w.violated(nil, fmt.Sprintf("what it holds is no %s: %v", kind.Descriptor().FullName(), err))
		return
	}
	w.judge(m, content)
}
