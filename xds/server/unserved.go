package server

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"

	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"

	"github.com/portreeve/portreeve/xds/ack"
	"github.com/portreeve/portreeve/xds/rollout"
)

// The bounds of the names that streams hold although nothing of that name is served. What is
// served bounds the others: a gateway asks for what it was told of. It has other names where
// edits passed it by while it was away.
const (
	maxUnserved     = 64 << 20
	maxUnservedPeer = 24 << 20
	// quietUnserved a peer may always have, whatever others have: who exhausts the sum must not
	// keep a gateway of another address out.
	quietUnserved = 256 << 10
	// perName is what a name costs beside its own length, in the maps that hold it.
	perName = 128
)

// unserved counts the bytes of the names that are asked for and not served. It is safe for concurrent use.
type unserved struct {
	mu    sync.Mutex
	all   int
	peers map[netip.Addr]int
}

// change takes more or fewer bytes for a peer, and reports false, taking none, where that is too much.
func (u *unserved) change(peer netip.Addr, more int) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	of := u.peers[peer] + more
	if more > 0 && (of > maxUnservedPeer || u.all+more > maxUnserved && of > quietUnserved) {
		return false
	}
	u.all += more
	if u.peers[peer] = of; of == 0 {
		delete(u.peers, peer)
	}
	return true
}

// strange is what a stream holds of one type that is not served.
type strange struct {
	// names are asked for, and were not served when they were first. One that was, and is not any
	// more, is none of them: a listener that drains asks for its filters for minutes.
	names map[string]struct{}
	// before are the names of the request before, in state-of-the-world: each says all again.
	before map[string]struct{}
	// claimed and taken are bytes: of what the gateway said it has, and what is counted.
	claimed, taken int
}

// parts are what of a type was served last to the group of the stream, and to the stream.
type parts []*rollout.Part

func (p parts) has(name string) bool {
	for _, part := range p {
		if part.Has(name) {
			return true
		}
	}
	return false
}

// served returns what of a type is served, and was a moment ago.
func (s *session) served(url string) parts {
	out := parts{s.delivery.served(url)}
	r := &s.server.roster
	r.mu.Lock()
	defer r.mu.Unlock()
	if m, ok := r.members[s.identity.Group.Key]; ok {
		out = append(out, m.newest.Part(url))
		for _, g := range m.earlier {
			out = append(out, g.Part(url))
		}
	}
	return out
}

// counts counts what a request adds to what the stream holds and is not served. It says what is too
// much of it, or "".
func (s *session) counts(url string, asked []string, has map[string]string, sub cachev3.Subscription) string {
	served, subscribed := s.served(url), sub.SubscribedResources()
	of := s.strange[url]
	switch {
	case of == nil && s.protocol == ack.Delta && known(asked, has, served):
		return "" // as almost always: nothing has to be held
	case of == nil:
		of = &strange{names: map[string]struct{}{}}
		s.strange[url] = of
	}
	for _, name := range asked {
		_, before := of.before[name]
		if _, is := subscribed[name]; is && !before {
			of.names[name] = struct{}{}
		}
	}
	if s.protocol == ack.SotW {
		of.before = subscribed
	}
	want := 0
	for name := range of.names {
		if _, is := subscribed[name]; !is || served.has(name) {
			delete(of.names, name)
			continue
		}
		want += len(name) + perName
	}
	for name, version := range has {
		if !served.has(name) {
			of.claimed += len(name) + len(version)
		}
	}
	return s.take(of, want+of.claimed)
}

// known reports whether all that a request names is served.
func known(asked []string, has map[string]string, served parts) bool {
	for name := range has {
		if !served.has(name) {
			return false
		}
	}
	return !slices.ContainsFunc(asked, func(name string) bool { return !served.has(name) })
}

// take makes what is counted of a type so many bytes.
func (s *session) take(of *strange, want int) string {
	if !s.server.unserved.change(s.peer, want-of.taken) {
		return fmt.Sprintf("the gateway names %d bytes of resources that are not served, and there are too many of such names already, want at most %d of one address and %d of all",
			want, maxUnservedPeer, maxUnserved)
	}
	of.taken = want
	return ""
}

// settles gives back what was counted of what the gateway said it has: an answer of the type has
// been taken, and what it has is what that said.
func (s *session) settles(url string) {
	if of := s.strange[url]; of != nil && of.claimed > 0 {
		of.claimed, _ = 0, s.take(of, of.taken-of.claimed)
	}
}

// release gives everything back.
func (s *session) release() {
	for _, of := range s.strange {
		_ = s.server.unserved.change(s.peer, -of.taken)
	}
}
