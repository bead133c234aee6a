package server

import (
	"cmp"
	"maps"
	"slices"
	"sync"

	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/portreeve/portreeve/xds/rollout"
)

// message is a delta response without its nonce. It is made once for all streams that are sent the same, and
// never written to afterwards.
type message struct {
	url, version string
	resources    []resource
	removed      []string
	// versions are those of the resources, by name.
	versions map[string]string
	// encode returns it as it goes over the wire. It is called when the message is sent first: of the
	// resources that are large the bytes are those that everybody shares.
	encode func() ([][]byte, error)
}

// resource is one in a message.
type resource struct {
	name, version string
	encoded       *anypb.Any
}

func newMessage(url, version string, resources []resource, removed []string) *message {
	m := &message{url: url, version: version, resources: resources, removed: removed, versions: make(map[string]string, len(resources))}
	for _, r := range resources {
		m.versions[r.name] = r.version
	}
	m.encode = sync.OnceValues(m.pieces)
	return m
}

// messages remembers what is sent, so that the streams of a group, which go the same way, share it. It is
// safe for concurrent use.
type messages struct {
	mu   sync.Mutex
	made map[way]*message
}

// way is from what a gateway has to what it is to have; from nil where that is everything.
type way struct{ from, to *rollout.Part }

// maxMessages bounds what is remembered: a group has few pairs of parts at any one time.
const maxMessages = 64

func newMessages() *messages { return &messages{made: map[way]*message{}} }

// forget lets go of everything.
func (m *messages) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.made)
}

// between returns what leads from one part to another. All of that other one where from is nil.
func (m *messages) between(from, to *rollout.Part) *message {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := way{from, to}
	out, known := m.made[key]
	if !known {
		if len(m.made) >= maxMessages {
			clear(m.made)
		}
		out = differing(to, from.GetVersionMap(to.URL()))
		m.made[key] = out
	}
	return out
}

// differing returns what of a part is other than what there is, and takes away what there is besides.
func differing(p *rollout.Part, there map[string]string) *message {
	var resources []resource
	for name, version := range p.GetVersionMap(p.URL()) {
		if there[name] != version {
			resources = append(resources, resource{name, version, p.Encoded(name)})
		}
	}
	var removed []string
	for name := range there {
		if !p.Has(name) {
			removed = append(removed, name)
		}
	}
	return ordered(p, resources, removed)
}

// ordered makes a message of a part, the same one whatever the order.
func ordered(p *rollout.Part, resources []resource, removed []string) *message {
	slices.SortFunc(resources, func(a, b resource) int { return cmp.Compare(a.name, b.name) })
	slices.Sort(removed)
	return newMessage(p.URL(), p.GetVersion(p.URL()), resources, removed)
}

// differs returns what a part holds that the gateway of a watch has not, and whether there is anything.
func (m *messages) differs(p *rollout.Part, w *deltaWatch) (deltaResponse, bool) {
	out := m.wanted(p, w)
	if out == nil || len(out.resources)+len(out.removed) == 0 {
		return deltaResponse{}, false
	}
	return deltaResponse{message: out, returned: has(p, w.sub)}, true
}

// wanted returns what is to be sent: what all are sent who go the same way, where that is what is asked for. It may
// be nil where nothing is.
func (m *messages) wanted(p *rollout.Part, w *deltaWatch) *message {
	returned, all := w.sub.ReturnedResources(), p.GetVersionMap(p.URL())
	switch {
	case w.base != nil:
		return m.between(w.base, p).asked(p, w.sub)
	case len(returned) == 0:
		return m.between(nil, p).asked(p, w.sub)
	case !w.sub.IsWildcard():
		return byNames(p, w.sub)
	case maps.Equal(returned, all):
		return nil
	default:
		return differing(p, returned)
	}
}

// byNames returns what a gateway has not of what it asks for by name, or nil.
func byNames(p *rollout.Part, sub cachev3.Subscription) *message {
	var resources []resource
	var removed []string
	for name := range sub.SubscribedResources() {
		before, had := sub.ReturnedResources()[name]
		switch version := p.GetVersionMap(p.URL())[name]; {
		case version == "" && had:
			removed = append(removed, name)
		case version != before:
			resources = append(resources, resource{name, version, p.Encoded(name)})
		}
	}
	if len(resources)+len(removed) == 0 {
		return nil
	}
	return ordered(p, resources, removed)
}

// asked returns what of a message is asked for: the same one where that is all of it.
func (m *message) asked(p *rollout.Part, sub cachev3.Subscription) *message {
	not := func(name string) bool { _, is := sub.SubscribedResources()[name]; return !is }
	notIn := func(r resource) bool { return not(r.name) }
	if sub.IsWildcard() || !slices.ContainsFunc(m.resources, notIn) && !slices.ContainsFunc(m.removed, not) {
		return m
	}
	return newMessage(p.URL(), m.version, slices.DeleteFunc(slices.Clone(m.resources), notIn), slices.DeleteFunc(slices.Clone(m.removed), not))
}

// has returns what a gateway has of a part when it has all that it asks for.
func has(p *rollout.Part, sub cachev3.Subscription) map[string]string {
	all, asked := p.GetVersionMap(p.URL()), sub.SubscribedResources()
	if sub.IsWildcard() || holds(asked, all) {
		return all
	}
	out := map[string]string{}
	for name := range asked {
		if version, there := all[name]; there {
			out[name] = version
		}
	}
	return out
}

// holds reports whether every name is asked for.
func holds(asked map[string]struct{}, all map[string]string) bool {
	for name := range all {
		if _, is := asked[name]; !is {
			return false
		}
	}
	return true
}

// with returns a message in which each resource is another of that name and version.
func (m *message) with(other func(*anypb.Any) *anypb.Any) *message {
	resources := slices.Clone(m.resources)
	for i, r := range resources {
		resources[i].encoded = other(r.encoded)
	}
	return newMessage(m.url, m.version, resources, m.removed)
}

// copied returns a map that may be written to.
func copied(returned map[string]string) map[string]string {
	out := make(map[string]string, len(returned))
	maps.Copy(out, returned)
	return out
}
