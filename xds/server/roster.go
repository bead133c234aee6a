package server

import (
	"sync"

	"github.com/portreeve/portreeve/xds/node"
)

// roster knows how many streams each group has.
//
// Locks are taken in this order: member.turn, whatever the fleet locks, roster.mu, the cache's
// own. turn is held while the fleet is called, so that its calls for one group alternate; mu is not, so that the fleet may Set.
type roster struct {
	mu      sync.Mutex
	members map[string]*member
}

// member is one group.
type member struct {
	turn sync.Mutex
	// streams counts the open streams and pins who holds or waits for turn; both are guarded by roster.mu.
	streams, pins int
}

// join counts a stream in and returns when the fleet knows its group.
func (s *Server) join(g node.Group) {
	r := &s.roster
	r.mu.Lock()
	m, ok := r.members[g.Key]
	if !ok {
		m = &member{}
		r.members[g.Key] = m
	}
	m.pins++
	r.mu.Unlock()

	m.turn.Lock()
	defer m.turn.Unlock()
	r.mu.Lock()
	m.streams++
	first := m.streams == 1
	r.mu.Unlock()
	if first {
		s.options.Fleet.Join(g)
	}
}

// leave counts a stream out. With the last one the group and its snapshot are forgotten, so that
// nodes that come once cannot fill memory. The stream's watches must be cancelled before.
func (s *Server) leave(g node.Group) {
	r := &s.roster
	r.mu.Lock()
	m := r.members[g.Key]
	r.mu.Unlock()

	m.turn.Lock()
	defer m.turn.Unlock()
	r.mu.Lock()
	last := m.streams == 1
	r.mu.Unlock()
	if last {
		s.options.Fleet.Leave(g)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	m.streams--
	if m.streams == 0 {
		// From here on Set keeps nothing, so nothing can come back after the clearing.
		s.caches.clear(g.Key)
	}
	m.pins--
	if m.pins == 0 {
		delete(r.members, g.Key)
	}
}
