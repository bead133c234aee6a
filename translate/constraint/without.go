package constraint

import (
	"bytes"
	"hash/maphash"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// list is a field whose values are messages that are right or not each by itself: Envoy's API has no rule about them
// together, nor about the keys of a map, but that there must be one (TestWhatIsLeftOutIsJudgedOneByOne).
type list struct {
	of     protoreflect.FullName
	number protowire.Number
}

// judgedAlone are the lists of which all policy of a gateway can be one: the rules of a filter by name, and the
// entries of its match trees.
func judgedAlone(l list) bool {
	switch l {
	case list{"envoy.config.rbac.v3.RBAC", 2},
		list{"xds.type.matcher.v3.Matcher.MatcherList", 1},
		list{"xds.type.matcher.v3.Matcher.MatcherTree.MatchMap", 1}:
		return true
	}
	return false
}

// worthwhile is from which size on it is looked into a message for what is known of it.
const worthwhile = 1 << 11

// without returns the encoding of a message without most of what is in another one of its kind that is right. What
// is returned is right where and only where the message is. What is no encoding stays as it is.
func (k *Known) without(kind protoreflect.MessageDescriptor, known, content []byte) []byte {
	if len(content) < worthwhile || len(known) == 0 || !k.plans.leadsToList(kind) {
		return content
	}
	var out []byte
	done := map[protowire.Number]bool{}
	for rest := content; len(rest) > 0; {
		f, ok := fieldOf(rest)
		if !ok {
			return content
		}
		rest = rest[len(f.raw):]
		descriptor := kind.Fields().ByNumber(f.number)
		switch {
		case descriptor == nil || descriptor.Message() == nil || f.kind != protowire.BytesType:
			out = append(out, f.raw...)
		case judgedAlone(list{kind.FullName(), f.number}):
			if !done[f.number] { // all of them at once
				done[f.number] = true
				out = k.appendUnknown(out, descriptor, valuesIn(known, f.number), valuesIn(content, f.number))
			}
		case descriptor.Cardinality() == protoreflect.Repeated:
			out = append(out, f.raw...)
		default:
			out = appendMessage(out, f.number, k.without(descriptor.Message(), valuesIn(known, f.number).now, f.value))
		}
	}
	return out
}

// appendUnknown appends those values of a list that are not among the known ones, or one where all are.
func (k *Known) appendUnknown(to []byte, of protoreflect.FieldDescriptor, known, all values) []byte {
	one := all.now
	unknown := unknownOf(known, all)
	for _, u := range unknown {
		to = appendMessage(to, of.Number(), k.without(of.Message(), u.like, u.value))
	}
	if len(unknown) == 0 {
		to = appendMessage(to, of.Number(), k.without(of.Message(), one, one))
	}
	return to
}

func appendMessage(to []byte, number protowire.Number, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(to, number, protowire.BytesType), value)
}

// unknown is a value that is not known, and one that it may be an edit of.
type unknown struct{ value, like []byte }

// unknownOf returns the values that are not among known ones. Mostly few were put in, taken out or changed: then both
// lists are gone through side by side.
func unknownOf(known, all values) []unknown {
	var out []unknown
	for all.now != nil {
		switch {
		case same(known.now, all.now):
			known.step()
			all.step()
		case same(known.next, all.next) || known.last() && all.last(): // changed
			out = append(out, unknown{all.now, known.now})
			known.step()
			all.step()
		case same(known.next, all.now): // taken out
			known.step()
		case same(known.now, all.next) || known.now == nil: // put in
			out = append(out, unknown{value: all.now})
			all.step()
		default:
			return append(out, elsewhere(known.list(), all.list())...)
		}
	}
	return out
}

func same(a, b []byte) bool { return a != nil && b != nil && bytes.Equal(a, b) }

// elsewhere returns the values that are not among known ones, whatever their order.
func elsewhere(known, all [][]byte) []unknown {
	seed := maphash.MakeSeed()
	left := make(map[uint64]int, len(known)) // the last of equal ones
	for i, k := range known {
		left[maphash.Bytes(seed, k)] = i
	}
	used := make([]bool, len(known))
	var out []unknown
	for _, v := range all {
		if i, ok := left[maphash.Bytes(seed, v)]; ok && bytes.Equal(known[i], v) {
			used[i] = true
			continue
		}
		out = append(out, unknown{value: v})
	}
	next := 0
	for n := range out { // what is new, and what is gone, in their order
		for next < len(known) && used[next] {
			next++
		}
		if next < len(known) {
			out[n].like = known[next]
			next++
		}
	}
	return out
}

// values are those that a field has in an encoding, from one of them on: that one and the next are nil where there is none.
type values struct {
	now, next, rest []byte
	number          protowire.Number
}

func valuesIn(content []byte, number protowire.Number) values {
	out := values{rest: content, number: number}
	out.step()
	out.step()
	return out
}

// step goes on to the next value.
func (v *values) step() {
	v.now, v.next = v.next, nil
	for len(v.rest) > 0 && v.next == nil {
		f, ok := fieldOf(v.rest)
		if !ok {
			v.rest = nil
			return
		}
		if v.rest = v.rest[len(f.raw):]; f.number == v.number && f.kind == protowire.BytesType {
			v.next = f.value
		}
	}
}

// last reports whether there is one more value.
func (v *values) last() bool { return v.now != nil && v.next == nil }

// list returns all values that are left.
func (v *values) list() [][]byte {
	var out [][]byte
	for ; v.now != nil; v.step() {
		out = append(out, v.now)
	}
	return out
}

// field is a field of an encoding; the value of one of messages or texts is never nil.
type field struct {
	number     protowire.Number
	kind       protowire.Type
	raw, value []byte
}

// fieldOf returns the first field of an encoding, or false where it is none.
func fieldOf(content []byte) (field, bool) {
	number, kind, tag := protowire.ConsumeTag(content)
	if tag < 0 {
		return field{}, false
	}
	n := protowire.ConsumeFieldValue(number, kind, content[tag:])
	if n < 0 {
		return field{}, false
	}
	out := field{number: number, kind: kind, raw: content[:tag+n]}
	if kind == protowire.BytesType {
		value, _ := protowire.ConsumeBytes(content[tag:])
		out.value = value[:len(value):len(value)]
	}
	return out, true
}
