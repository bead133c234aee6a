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

// take takes a place for a gateway of a group that was here before, and reports false where there is none.
func (p *places) take() bool { return p.within(p.most) }

// takeNew is take for one of a group that was not.
func (p *places) takeNew() bool {
	const kept = 20
	return p.within(p.most - p.most/kept)
}

func (p *places) within(most int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
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
