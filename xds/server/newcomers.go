package server

import (
	"crypto/sha256"
	"maps"
	"sync"
	"time"
)

const (
	// DefaultNewGroups is how many groups that are not known one peer may bring a minute: a certificate, or an
	// address where none is shown. A fleet has a group for each set of labels, and comes from one address behind NAT.
	DefaultNewGroups = 60
	// maxPeers and maxSeen bound what is remembered.
	maxPeers = 8192
	maxSeen  = 8192
)

// newcomers bounds the groups that peers make up. For each the plane compiles and keeps a
// configuration, and forgets another's for it.
type newcomers struct {
	perMinute int
	now       func() time.Time

	mu    sync.Mutex
	peers map[string]budget
	// seen are groups that were let in, and order the order in which they came.
	seen  map[[sha256.Size]byte]struct{}
	order [][sha256.Size]byte
}

// budget is how many groups a peer may still bring, as of a time.
type budget struct {
	left float64
	at   time.Time
}

func newNewcomers(perMinute int, now func() time.Time) *newcomers {
	if perMinute <= 0 {
		perMinute = DefaultNewGroups
	}
	return &newcomers{perMinute: perMinute, now: now, peers: map[string]budget{}, seen: map[[sha256.Size]byte]struct{}{}}
}

// admits reports whether a peer may be of a group. One that was there before never counts, here or,
// as known reports it, in another run: a gateway that comes back is let in whatever others do.
func (n *newcomers) admits(peer string, group string, known func(string) bool) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	hash := sha256.Sum256([]byte(group))
	if _, before := n.seen[hash]; before {
		return true
	}
	if !known(group) && !n.spend(peer) {
		return false
	}
	if len(n.order) == maxSeen {
		delete(n.seen, n.order[0])
		n.order = n.order[1:]
	}
	n.seen[hash], n.order = struct{}{}, append(n.order, hash)
	return true
}

// knows reports whether a group was here before, in this run or, as known reports it, in another one.
func (n *newcomers) knows(group string, known func(string) bool) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, before := n.seen[sha256.Sum256([]byte(group))]
	return before || known(group)
}

// spend takes one group out of the budget of a peer, which is full again after a minute.
func (n *newcomers) spend(peer string) bool {
	now, full := n.now(), float64(n.perMinute)
	refilled := func(b budget) float64 { return min(full, b.left+full*now.Sub(b.at).Minutes()) }
	b, ok := n.peers[peer]
	if !ok {
		if len(n.peers) >= maxPeers {
			maps.DeleteFunc(n.peers, func(_ string, b budget) bool { return refilled(b) >= full })
		}
		if len(n.peers) >= maxPeers {
			return false // so many peers at once are no fleet
		}
		b = budget{full, now}
	}
	left := refilled(b)
	if left < 1 {
		return false
	}
	n.peers[peer] = budget{left - 1, now}
	return true
}
