package constraint

import (
	"bytes"
	"crypto/sha256"
	"maps"
	"slices"
	"sync"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Known remembers what was judged and has nothing wrong with it, so that an edit costs what it touches: a
// message by itself, as it is immutable, what is small by its content, and what is large by what differs of it
// from the one before. It changes how long Judge takes and never whether it finds something: nothing that
// violates a rule is remembered. Its zero value knows nothing. It is safe for concurrent use.
type Known struct {
	mu sync.Mutex
	// now was judged, or found in before, by this value; before by the one that it follows.
	now, before memory
	plans       plans
}

// memory is what was judged and is right.
type memory struct {
	messages map[proto.Message][]*right
	small    map[digest][]*right
	large    map[protoreflect.FullName][]*right
}

// right is something that was judged and is right: by its digest, or where it is large by its content. Below are
// those in it that are remembered by themselves.
type right struct {
	digest  digest
	kind    protoreflect.FullName
	content []byte
	below   []*right
}

// big is from which size on something is remembered by its content: it is compared, and not hashed.
const big = 1 << 14

// Next returns a value for what is rendered after this: it knows what this one came across, and
// forgets what it does not come across itself when it is followed. So it holds what was rendered
// for two programs at most. What follows nil knows nothing.
func (k *Known) Next() *Known {
	if k == nil {
		return &Known{}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	before := memory{maps.Clone(k.now.messages), maps.Clone(k.now.small), maps.Clone(k.now.large)}
	if len(before.messages) == 0 {
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

// hasMessage reports whether a message was judged and found right. What was known before it keeps, and
// all below it: it is part of what is rendered now.
func (k *Known) hasMessage(m proto.Message) bool {
	if _, judged := k.now.messages[m]; judged {
		return true
	}
	below, judged := k.before.messages[m]
	if judged {
		k.addMessage(m, below)
		k.keep(below)
	}
	return judged
}

func (k *Known) addMessage(m proto.Message, below []*right) {
	if k.now.messages == nil {
		k.now.messages = map[proto.Message][]*right{}
	}
	k.now.messages[m] = below
}

// has is hasMessage for what is small.
func (k *Known) has(d digest) bool {
	if _, judged := k.now.small[d]; judged {
		return true
	}
	below, judged := k.before.small[d]
	if judged {
		k.add(&right{digest: d, below: below})
		k.keep(below)
	}
	return judged
}

// keep has what was known before be known from now on.
func (k *Known) keep(parts []*right) {
	for _, p := range parts {
		switch {
		case p.content == nil:
			k.has(p.digest)
		case !slices.Contains(k.now.large[p.kind], p):
			k.add(p)
			k.keep(p.below)
		}
	}
}

func (k *Known) add(r *right) {
	if r.content == nil {
		if k.now.small == nil {
			k.now.small = map[digest][]*right{}
		}
		k.now.small[r.digest] = r.below
		return
	}
	if k.now.large == nil {
		k.now.large = map[protoreflect.FullName][]*right{}
	}
	k.now.large[r.kind] = append(k.now.large[r.kind], r)
}

// like returns what was judged of a kind, is right, and is most like some content, by its length; it reports whether it is the same.
func (k *Known) like(kind protoreflect.FullName, content []byte) (*right, bool) {
	var out *right
	distance := func(r *right) int { return max(len(r.content)-len(content), len(content)-len(r.content)) }
	for i, list := range [][]*right{k.now.large[kind], k.before.large[kind]} {
		for _, r := range list {
			if bytes.Equal(r.content, content) {
				if i > 0 {
					k.keep([]*right{r})
				}
				return r, true
			}
			if out == nil || distance(r) < distance(out) {
				out = r
			}
		}
	}
	return out, false
}
