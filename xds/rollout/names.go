package rollout

import (
	"google.golang.org/protobuf/encoding/protowire"
)

// question is whether a part waits for clusters: what the gateway has in place of it, the clusters
// that there will be, and those that are warm.
type question struct{ next, place, clusters, warm, floor *Part }

// answer returns whether any resource of next that is not in place names a cluster that is not warm
// and that the resource in place of it does not name already.
func (m *Memo) answer(q question) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	out, known := m.waits[q]
	if !known {
		if len(m.waits) >= maxMemo {
			clear(m.waits)
		}
		out = q.work()
		m.waits[q] = out
	}
	return out
}

func (q question) work() bool {
	cold := map[string]bool{}
	for name := range q.clusters.GetVersionMap(q.clusters.url) {
		if !q.warm.Has(name) || q.floor != nil && !q.floor.Has(name) {
			cold[name] = true
		}
	}
	if len(cold) == 0 {
		return false
	}
	for name, version := range q.next.versions {
		if q.place.Has(name) && q.place.versions[name] == version {
			continue
		}
		named := q.next.names(name, cold)
		if len(named) == 0 {
			continue
		}
		before := q.place.names(name, named)
		if len(before) < len(named) {
			return true
		}
	}
	return false
}

// names returns which of the wanted names stand in a resource, wherever that is: in a route, a mirror,
// a TCP proxy, an access log, also within an Any of whatever type. A text that happens to read like a
// cluster's name makes a resource wait in vain, which costs it a moment and no request.
func (p *Part) names(resource string, wanted map[string]bool) map[string]bool {
	out := map[string]bool{}
	if !p.Has(resource) {
		return out
	}
	b := p.Encoded(resource).GetValue()
	if b == nil {
		// It is one that a gateway has announced, of which nothing more is known.
		return out
	}
	walk(b, wanted, out, maxDepth)
	return out
}

// maxDepth bounds how deep messages are looked into. Those that name clusters are nested a third as deep.
const maxDepth = 100

// walk looks at every field that has a length, which is a text, bytes or a message.
func walk(b []byte, wanted, found map[string]bool, depth int) {
	for len(b) > 0 && depth > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return
		}
		b = b[n:]
		if n = protowire.ConsumeFieldValue(number, kind, b); n < 0 {
			return
		}
		if kind == protowire.BytesType {
			field, _ := protowire.ConsumeBytes(b)
			if wanted[string(field)] {
				found[string(field)] = true
			} else {
				walk(field, wanted, found, depth-1)
			}
		}
		b = b[n:]
	}
}
