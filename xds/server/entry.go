package server

import (
	"net"
	"net/netip"
	"slices"
	"time"
)

// entry is where connections wait that are not strangers yet, as there are as many as may be: a fleet that
// comes back at one time is let in as fast as its gateways say who they are, and none of them closes another's
// connection. What waits is a file descriptor, and nothing of it is read. It is guarded by the lock of its gate.
type entry struct {
	// parked wait, in the order of their coming. ready have entered, and Accept has not returned them yet.
	parked, ready []*conn
	// listening says that somebody listens, failed what it has ended with, and arrived that there is news.
	listening bool
	failed    error
	arrived   chan struct{}
	// pressing says that strangers which take long are about to be evicted for those who wait.
	pressing bool
}

// Accept returns the next connection that there is room for and that does not have to wait.
func (g *gate) Accept() (net.Conn, error) {
	for {
		g.mu.Lock()
		e := &g.entry
		if e.arrived == nil {
			e.arrived = make(chan struct{}, 1)
		}
		switch {
		case len(e.ready) > 0:
			c := e.ready[0]
			e.ready = e.ready[1:]
			g.mu.Unlock()
			return c, nil
		case e.failed != nil:
			err := e.failed
			e.failed = nil
			g.mu.Unlock()
			return nil, err
		case !e.listening:
			e.listening = true
			go g.listen()
		}
		g.mu.Unlock()
		<-e.arrived
	}
}

// listen takes connections in until the listener fails. That may be for a moment: who accepts says whether it goes on.
func (g *gate) listen() {
	for {
		inner, err := g.Listener.Accept()
		if err != nil {
			g.mu.Lock()
			g.entry.listening, g.entry.failed = false, err
			g.entry.tell()
			g.mu.Unlock()
			return
		}
		c := &conn{Conn: inner, gate: g, peer: peerOf(inner.RemoteAddr()), gone: make(chan struct{})}
		if !g.admits(c) {
			_ = inner.Close()
		}
	}
}

// tell wakes Accept; the lock is held.
func (e *entry) tell() {
	select {
	case e.arrived <- struct{}{}:
	default:
	}
}

// enters makes a connection a stranger, in place of what it returns, or has it wait for that; the lock is held.
func (g *gate) enters(c *conn) (evicted *conn) {
	e := &g.entry
	if len(g.strangers) >= g.strangersMost {
		evicted = g.yields(c.peer)
	}
	if evicted != nil {
		e.parked = slices.Insert(e.parked, 0, c)
		g.forget(evicted)
		return evicted
	}
	e.parked = append(e.parked, c)
	g.letsIn()
	if len(e.parked) > 0 && !e.pressing {
		e.pressing = true
		g.press()
	}
	return nil
}

// letsIn makes those strangers that have waited longest, as many as there is room for; the lock is held.
func (g *gate) letsIn() {
	e := &g.entry
	for !g.closed && len(e.parked) > 0 && len(g.strangers) < g.strangersMost {
		c := e.parked[0]
		e.parked = e.parked[1:]
		g.strangers = append(g.strangers, c)
		c.entered = time.Now()
		c.deadline = time.AfterFunc(g.firstRequestTimeout, func() { c.expire("no node came in time") })
		e.ready = append(e.ready, c)
		e.tell()
	}
}

// press evicts, from time to time until nobody waits any more, the strangers that take long; the lock is held.
func (g *gate) press() {
	const looks = 4
	time.AfterFunc(g.pressed/looks, func() {
		g.mu.Lock()
		late := g.late()
		for _, c := range late {
			g.forget(c)
		}
		if g.entry.pressing = len(g.entry.parked) > 0 && !g.closed; g.entry.pressing {
			g.press()
		}
		g.mu.Unlock()
		for _, c := range late {
			c.evict()
		}
	})
}

// late returns the strangers that have taken long, but no more than wait for their places. Who has to wait for a turn
// to send much is not one of them, nor who has it; the lock is held.
func (g *gate) late() []*conn {
	var out []*conn
	for _, c := range g.strangers {
		if len(out) == len(g.entry.parked) || time.Since(c.entered) < g.pressed {
			break
		}
		if !slices.Contains(g.waiting, c) && !slices.Contains(g.large, c) {
			out = append(out, c)
		}
	}
	return out
}

// crowd is from how many strangers of one peer on they make way for others: a few may be gateways behind one address.
const crowd = 8

// yields returns the oldest stranger of the peer that has most of them, where it has a crowd, and the peer that comes
// not half as many: who floods the gate keeps nobody else waiting. Else it returns nil; the lock is held.
func (g *gate) yields(peer netip.Addr) *conn {
	count, most := map[netip.Addr]int{}, 0
	for _, c := range g.strangers {
		count[c.peer]++
		most = max(most, count[c.peer])
	}
	if most < crowd || 2*count[peer] >= most {
		return nil
	}
	return g.strangers[slices.IndexFunc(g.strangers, func(c *conn) bool { return count[c.peer] == most })]
}

// leave takes a connection out of those that wait; the lock is held.
func (e *entry) leave(c *conn) {
	is := func(other *conn) bool { return other == c }
	e.parked, e.ready = slices.DeleteFunc(e.parked, is), slices.DeleteFunc(e.ready, is)
}
