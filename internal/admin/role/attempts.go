package role

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	// maxAttempts is how many wrong credentials one address may show in attemptsTime.
	maxAttempts  = 10
	attemptsTime = time.Minute
	// maxAddresses bounds those that are remembered.
	maxAddresses = 10_000
)

// attempts counts wrong credentials by address, so that nobody can guess for long, and no address locks out another.
type attempts struct {
	now func() time.Time
	mu  sync.Mutex
	of  map[netip.Prefix]wrong
}

// wrong is how many there were since when.
type wrong struct {
	since time.Time
	count int
}

func newAttempts(now func() time.Time) *attempts {
	return &attempts{now: now, of: map[netip.Prefix]wrong{}}
}

// spent reports whether an address may show no more credentials for now.
func (a *attempts) spent(address string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	w := a.of[Network(address)]
	return w.count >= maxAttempts && a.now().Sub(w.since) < attemptsTime
}

// note counts a wrong one.
func (a *attempts) note(address string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	key, now := Network(address), a.now()
	w := a.of[key]
	if now.Sub(w.since) >= attemptsTime {
		w = wrong{since: now}
	}
	w.count++
	if len(a.of) >= maxAddresses {
		a.forget(now)
	}
	a.of[key] = w
}

// forget makes room: those whose time is over go, or else the oldest. Who has many addresses may guess with each anyway.
func (a *attempts) forget(now time.Time) {
	var oldest netip.Prefix
	first := now
	for key, w := range a.of {
		if now.Sub(w.since) >= attemptsTime {
			delete(a.of, key)
		} else if !w.since.After(first) {
			oldest, first = key, w.since
		}
	}
	if len(a.of) >= maxAddresses {
		delete(a.of, oldest)
	}
}

// Network is what counts as one address: of IPv6 the 64 bits that one owner has. What cannot be read is one too.
func Network(address string) netip.Prefix {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return netip.Prefix{}
	}
	at, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Prefix{}
	}
	at = at.WithZone("").Unmap()
	bits := at.BitLen()
	if at.Is6() {
		bits = 64
	}
	prefix, err := at.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return prefix
}
