package constraint

import (
	"crypto/sha256"
	"maps"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Known remembers what was judged and has nothing wrong with it, by its content, so that an edit
// costs what it touches. It changes how long Judge takes and never what it returns: nothing that
// violates a rule is remembered. Its zero value knows nothing. It is safe for concurrent use.
type Known struct {
	mu sync.Mutex
	// now was judged, or found in before, by this value; before by the one that it follows. Each
	// message has those below that are remembered by themselves.
	now, before map[digest][]digest
	plans       plans
}

// Next returns a value for what is rendered after this: it knows what this one came across, and
// forgets what it does not come across itself when it is followed. So it holds what was rendered
// for two programs at most. What follows nil knows nothing.
func (k *Known) Next() *Known {
	if k == nil {
		return &Known{}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	before := maps.Clone(k.now)
	if len(before) == 0 {
		before = k.before // nothing was rendered, as where a program is refused: what was known is
	}
	return &Known{before: before, plans: k.plans.copied()}
}

// digest stands for a message: its type and its encoding.
type digest [sha256.Size]byte

func digestOf(name protoreflect.FullName, content []byte) digest {
	h := sha256.New()
	h.Write([]byte(name))
	h.Write([]byte{0})
	h.Write(content)
	return digest(h.Sum(nil))
}

// has reports whether a message was judged and found right. What was known before it keeps, and
// all below it: it is part of what is rendered now.
func (k *Known) has(d digest) bool {
	if _, judged := k.now[d]; judged {
		return true
	}
	below, judged := k.before[d]
	if judged {
		k.add(d, below)
		for _, part := range below {
			k.has(part)
		}
	}
	return judged
}

func (k *Known) add(d digest, below []digest) {
	if k.now == nil {
		k.now = map[digest][]digest{}
	}
	k.now[d] = below
}

// The rules of an RBAC filter, of which all policy of a gateway can be one. Each is a message of
// its own under a key, and Envoy's API has no rule about the key or the number of them
// (TestPoliciesAreJudgedOneByOne), so each is judged, and remembered, by itself.
const (
	rbac                      = protoreflect.FullName("envoy.config.rbac.v3.RBAC")
	policies protowire.Number = 2
)

// withoutKnown returns the encoding of a message without those policies that are known, and the
// digests of those and of the others.
func (k *Known) withoutKnown(kind protoreflect.MessageDescriptor, content []byte) (unjudged []byte, known, others []digest) {
	unjudged = filtered(content, func(n protowire.Number, rules []byte) []byte {
		field := kind.Fields().ByNumber(n)
		if field == nil || field.Message() == nil || field.Message().FullName() != rbac {
			return rules
		}
		return filtered(rules, func(n protowire.Number, entry []byte) []byte {
			if n != policies {
				return entry
			}
			d := digestOf(rbac, entry)
			if k.has(d) {
				known = append(known, d)
				return nil
			}
			others = append(others, d)
			return entry
		})
	})
	return unjudged, known, others
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
