package ack

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Options are what a store works with.
type Options struct {
	// Clock tells the time; required.
	Clock func() time.Time
	// Registerer takes the metrics; nil leaves them unregistered.
	Registerer prometheus.Registerer
	// Observe is told of every event, on the goroutine of the stream that it is about and in the
	// order in which it happened there. It holds no lock and may call the store, but the stream waits for it. May be nil.
	Observe func(Event)
}

// Store holds the state of every open stream. It is safe for concurrent use.
type Store struct {
	clock   func() time.Time
	observe func(Event)
	metrics metrics
	seed    maphash.Seed

	mu      sync.Mutex
	streams map[*Stream]struct{}
}

// New returns an empty store. The error is that of registering the metrics.
func New(o Options) (*Store, error) {
	s := &Store{clock: o.Clock, observe: o.Observe, metrics: newMetrics(), seed: maphash.MakeSeed(), streams: map[*Stream]struct{}{}}
	if s.observe == nil {
		s.observe = func(Event) {}
	}
	if o.Registerer != nil {
		if err := s.metrics.register(o.Registerer, newStanding(s), newEnds(s), newStates(s)); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return s, nil
}

// Open begins the record of a stream. The caller closes it.
func (s *Store) Open(p Peer) *Stream {
	st := &Stream{store: s, peer: p, since: s.clock(), types: map[string]*record{}}
	s.mu.Lock()
	s.streams[st] = struct{}{}
	s.mu.Unlock()
	s.metrics.connected.WithLabelValues(string(p.Protocol)).Inc()
	s.observe(Event{Kind: Connected, Peer: p})
	return st
}

// Gateways returns the open streams, ordered by node, then by how long they are open. The values
// are the caller's.
func (s *Store) Gateways() []Gateway {
	s.mu.Lock()
	out := make([]Gateway, 0, len(s.streams))
	for st := range s.streams {
		out = append(out, st.gateway())
	}
	s.mu.Unlock()
	slices.SortFunc(out, func(a, b Gateway) int {
		return cmp.Or(cmp.Compare(a.Node, b.Node), a.Since.Compare(b.Since), cmp.Compare(a.Address, b.Address), cmp.Compare(a.Group, b.Group))
	})
	return out
}
