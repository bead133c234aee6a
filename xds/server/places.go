package server

import "sync"

// DefaultMaxStreams is how many gateways a replica serves at one time. They take some 600 MB.
const DefaultMaxStreams = 10_000

// places are for streams of gateways that said who they are. The last of them are kept for groups that were here
// before: who brings others cannot keep a fleet from coming back. It is safe for concurrent use.
type places struct {
	most int

	mu    sync.Mutex
	taken int
}

// take takes a place, and reports false where there is none for the gateway.
func (p *places) take(known bool) bool {
	const kept = 20
	p.mu.Lock()
	defer p.mu.Unlock()
	most := p.most
	if !known {
		most -= p.most / kept
	}
	if p.taken >= most {
		return false
	}
	p.taken++
	return true
}

// give gives a place back.
func (p *places) give() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken--
}
