package origin

import (
	"sync"
	"time"

	"github.com/portreeve/portreeve/internal/audit"
	"github.com/portreeve/portreeve/xds/pace"
)

// bound lets so many events a minute onto the record, and so many of one peer, so that what peers do cannot fill a disk.
// What it keeps back is counted. It is safe for concurrent use.
type bound struct {
	limit *pace.Limit

	mu sync.Mutex
	// left are the events that were kept back since they were told of, by type and what is said of it.
	left map[audit.Type]map[string]int
}

func newBound(most, ofOne int, now func() time.Time) *bound {
	return &bound{limit: pace.New(most, ofOne, now), left: map[audit.Type]map[string]int{}}
}

// takes reports whether an event of a peer is recorded. What is one of few words that say of which kind it is.
func (b *bound) takes(peer string, t audit.Type, what string) bool {
	if _, ok := b.limit.Take(peer); ok {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left[t] == nil {
		b.left[t] = map[string]int{}
	}
	b.left[t][what]++
	return false
}

// rest returns how many events were kept back since it was asked last.
func (b *bound) rest() map[audit.Type]map[string]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := b.left
	b.left = map[audit.Type]map[string]int{}
	return out
}
