package constraint

import (
	"fmt"
	"maps"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

const anyName = protoreflect.FullName("google.protobuf.Any")

// plan says in which fields of a message an Any can be, however deep. An Any itself has none.
type plan struct {
	any    bool
	fields map[protowire.Number]protoreflect.FieldDescriptor
}

// plans are the plans of messages, made when they are first asked for.
type plans struct {
	made map[protoreflect.FullName]*plan
	// leads says which messages have an Any in them, and lists which have a list whose values are judged alone.
	leads, lists map[protoreflect.FullName]bool
}

// copied returns plans that are made further by somebody else.
func (p *plans) copied() plans {
	return plans{made: maps.Clone(p.made), leads: maps.Clone(p.leads), lists: maps.Clone(p.lists)}
}

func (p *plans) of(m protoreflect.MessageDescriptor) *plan {
	if made := p.made[m.FullName()]; made != nil {
		return made
	}
	out := &plan{any: m.FullName() == anyName, fields: map[protowire.Number]protoreflect.FieldDescriptor{}}
	for i := range m.Fields().Len() {
		if f := m.Fields().Get(i); f.Message() != nil && p.leadsToAny(f.Message()) {
			out.fields[f.Number()] = f
		}
	}
	if p.made == nil {
		p.made = map[protoreflect.FullName]*plan{}
	}
	p.made[m.FullName()] = out
	return out
}

// leadsToAny reports whether an Any can be in a message.
func (p *plans) leadsToAny(m protoreflect.MessageDescriptor) bool {
	if p.leads == nil {
		p.leads = map[protoreflect.FullName]bool{}
	}
	return leadsTo(p.leads, m, func(m protoreflect.MessageDescriptor) bool { return m.FullName() == anyName })
}

// leadsToList reports whether a list whose values are judged alone can be in a message, but not in an Any of it.
func (p *plans) leadsToList(m protoreflect.MessageDescriptor) bool {
	if p.lists == nil {
		p.lists = map[protoreflect.FullName]bool{}
	}
	return leadsTo(p.lists, m, func(m protoreflect.MessageDescriptor) bool {
		for i := range m.Fields().Len() {
			if judgedAlone(list{m.FullName(), m.Fields().Get(i).Number()}) {
				return true
			}
		}
		return false
	})
}

// leadsTo looks through everything that a message can hold for what is looked for, and notes what was found.
func leadsTo(known map[protoreflect.FullName]bool, m protoreflect.MessageDescriptor, is func(protoreflect.MessageDescriptor) bool) bool {
	if leads, known := known[m.FullName()]; known {
		return leads
	}
	seen := map[protoreflect.FullName]bool{m.FullName(): true}
	for next := []protoreflect.MessageDescriptor{m}; len(next) > 0; next = next[1:] {
		if is(next[0]) {
			known[m.FullName()] = true
			return true
		}
		for i := range next[0].Fields().Len() {
			if below := next[0].Fields().Get(i).Message(); below != nil && !seen[below.FullName()] {
				seen[below.FullName()] = true
				next = append(next, below)
			}
		}
	}
	known[m.FullName()] = false
	return false
}

// anys judges what is in every Any of an encoded message. It reads the encoding, which takes a
// tenth of the time that looking through the message does.
func (w *walk) anys(p *plan, content []byte) {
	if p.any {
		w.unpack(anyOf(content))
		return
	}
	for at := 0; at < len(content); {
		number, kind, tag := protowire.ConsumeTag(content[at:])
		if tag < 0 {
			w.violated(nil, "it cannot be decoded")
			return
		}
		n := protowire.ConsumeFieldValue(number, kind, content[at+tag:])
		if n < 0 {
			w.violated(nil, "it cannot be decoded")
			return
		}
		if field := p.fields[number]; field != nil {
			value, _ := protowire.ConsumeBytes(content[at+tag:])
			w.below(step{field, content, at, value})
		}
		at += tag + n
	}
}

// below looks for every Any in what a field holds. The value of an entry of a map has no name of
// its own.
func (w *walk) below(s step) {
	next := w.known.plans.of(s.field.Message())
	if s.field.ContainingMessage().IsMapEntry() {
		w.anys(next, s.value)
		return
	}
	w.path = append(w.path, s)
	w.anys(next, s.value)
	w.path = w.path[:len(w.path)-1]
}

// anyOf returns the type and the content of an Any.
func anyOf(encoded []byte) (url string, content []byte) {
	for {
		f, ok := fieldOf(encoded)
		switch {
		case !ok:
			return url, content
		case f.kind == protowire.BytesType && f.number == 1:
			url = string(f.value)
		case f.kind == protowire.BytesType && f.number == 2:
			content = f.value
		}
		encoded = encoded[len(f.raw):]
	}
}

// hollow returns the encoding of a message in which every large Any is empty, for what asks nothing of what is in one:
// the generated methods never look into an Any. What is no encoding is returned as it is.
func (p *plans) hollow(m protoreflect.MessageDescriptor, content []byte) []byte {
	if len(content) <= big {
		return content
	}
	within := p.of(m)
	out := make([]byte, 0, big)
	for rest := content; len(rest) > 0; {
		f, ok := fieldOf(rest)
		if !ok {
			return content
		}
		rest = rest[len(f.raw):]
		switch field := within.fields[f.number]; {
		case within.any && f.number == 2 && len(f.value) > big:
		case field != nil && f.kind == protowire.BytesType:
			out = appendMessage(out, f.number, p.hollow(field.Message(), f.value))
		default:
			out = append(out, f.raw...)
		}
	}
	return out
}

// step is the way from an encoded message to what one of its fields holds.
type step struct {
	field protoreflect.FieldDescriptor
	// in is the message, at the place of the field in it, and value what it holds.
	in    []byte
	at    int
	value []byte
}

// String names the field as the generated methods do. The entry of a map has its key; the step
// to its value says nothing more.
func (s step) String() string {
	switch {
	case s.field.IsMap():
		var key string
		filtered(s.value, func(n protowire.Number, value []byte) []byte {
			if n == 1 {
				key = string(value)
			}
			return nil
		})
		return fmt.Sprintf("%s[%s]", goName(s.field), key)
	case s.field.IsList():
		return fmt.Sprintf("%s[%d]", goName(s.field), s.index())
	default:
		return goName(s.field)
	}
}

// index counts what is in the list before.
func (s step) index() int {
	out := 0
	for at := 0; at < s.at; {
		number, kind, tag := protowire.ConsumeTag(s.in[at:])
		if number == s.field.Number() {
			out++
		}
		at += tag + protowire.ConsumeFieldValue(number, kind, s.in[at+tag:])
	}
	return out
}

// goName is the name of a field in Go.
func goName(f protoreflect.FieldDescriptor) string {
	var b strings.Builder
	for _, word := range strings.Split(string(f.Name()), "_") {
		if word != "" {
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return b.String()
}

// filtered returns an encoding with what keep makes of each field of messages and texts; one for
// which it returns nil is left out. What is no encoding is returned as it is.
func filtered(content []byte, keep func(protowire.Number, []byte) []byte) []byte {
	out := make([]byte, 0, len(content))
	for rest := content; len(rest) > 0; {
		number, kind, tag := protowire.ConsumeTag(rest)
		if tag < 0 {
			return content
		}
		n := protowire.ConsumeFieldValue(number, kind, rest[tag:])
		if n < 0 {
			return content
		}
		if kind != protowire.BytesType {
			out = append(out, rest[:tag+n]...)
		} else if value, _ := protowire.ConsumeBytes(rest[tag:]); value != nil {
			if kept := keep(number, value); kept != nil {
				out = protowire.AppendBytes(append(out, rest[:tag]...), kept)
			}
		}
		rest = rest[tag+n:]
	}
	return out
}
