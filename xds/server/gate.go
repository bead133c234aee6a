package server

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// The bounds of what strangers can take: connections on which no node has been accepted yet.
const (
	// DefaultMaxConnections is how many connections there may be at one time.
	DefaultMaxConnections = 10_240
	// maxStrangers of them may be strangers: a gateway is no stranger any more after its first request. Above
	// it a connection waits until one of them is none any more, and one of a peer that has fewer of
	// them than another takes the place of that one's oldest.
	maxStrangers = 1024
	// pressed is how long a stranger may take while another waits for its place.
	pressed = 2 * time.Second
	// firstRequest is how long a stranger, and a stream, may take to say who it is.
	firstRequest = 20 * time.Second
	// freeBytes may be read from every stranger: the node of a stock Envoy and what else its first
	// request says. With more it waits for one of largeTurns, of which one peer has at most
	// largePerPeer, so that a fleet that comes back with large requests takes turns.
	freeBytes    = 128 << 10
	largeTurns   = 4
	largePerPeer = 2
	// strangerBytes are never exceeded: a request, and what is around it.
	strangerBytes = maxRequest + 1<<20
)

// errStranger ends a connection on which more was sent than a first request can be.
var errStranger = errors.New("more was sent than a first request can be")

// gate is the listener of the server. It bounds what strangers can take.
type gate struct {
	net.Listener
	// most connections and strangers may be open, and firstRequestTimeout is how long a stranger may take.
	most, strangersMost int
	firstRequestTimeout time.Duration
	// pressed is how long while others wait for its place.
	pressed time.Duration
	refused *refusals
	entry   entry

	mu sync.Mutex
	// closed says that none is let in any more.
	closed bool
	// open are all of them, in the order of their coming.
	open []*conn
	// strangers are in the order of their coming; large are those of them that have a turn,
	// waiting those that wait for one.
	strangers, large, waiting []*conn
}

// Close ends listening, and closes the strangers: gRPC ends no stream before the last handshake is over, and
// who connects and says nothing would hold up the end of all.
func (g *gate) Close() error {
	err := g.Listener.Close()
	g.mu.Lock()
	g.closed = true
	strangers := slices.Concat(g.entry.parked, g.strangers)
	g.mu.Unlock()
	for _, c := range strangers {
		_ = c.Close()
	}
	return err
}

// admits takes a connection in, where there is room or another makes it. It may have to wait for its entry.
func (g *gate) admits(c *conn) bool {
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		return false
	}
	var evicted *conn
	full := len(g.open) >= g.most
	if full {
		evicted = g.makesRoom(c.peer)
	}
	if full && evicted == nil {
		g.mu.Unlock()
		c.note("connections", "there are too many connections already")
		return false
	}
	if evicted != nil {
		g.forget(evicted)
	}
	g.open = append(g.open, c)
	if other := g.enters(c); other != nil {
		evicted = other
	}
	g.mu.Unlock()
	if evicted != nil {
		evicted.evict()
	}
	return true
}

// forget takes a connection out of those that are open; the lock is held.
func (g *gate) forget(c *conn) {
	if !c.forgotten {
		c.forgotten = true
		g.open = slices.DeleteFunc(g.open, func(other *conn) bool { return other == c })
		g.entry.leave(c)
		g.known(c)
	}
}

// known takes a connection out of the strangers, and gives its turn on; the lock is held.
func (g *gate) known(c *conn) {
	is := func(other *conn) bool { return other == c }
	if c.deadline == nil {
		return // it has not entered
	}
	c.deadline.Stop()
	if slices.Contains(g.waiting, c) {
		close(c.turn) // its reader goes on, or finds that there is nothing to read
	}
	g.strangers = slices.DeleteFunc(g.strangers, is)
	g.large, g.waiting = slices.DeleteFunc(g.large, is), slices.DeleteFunc(g.waiting, is)
	g.next()
	g.letsIn()
}

// next gives free turns to those who wait; the lock is held.
func (g *gate) next() {
	g.waiting = slices.DeleteFunc(g.waiting, func(c *conn) bool {
		same := 0
		for _, other := range g.large {
			if other.peer == c.peer {
				same++
			}
		}
		if len(g.large) >= largeTurns || same >= largePerPeer {
			return false
		}
		g.large = append(g.large, c)
		c.deadline.Reset(g.firstRequestTimeout)
		close(c.turn)
		return true
	})
}

// conn is one connection.
type conn struct {
	net.Conn
	gate *gate
	peer netip.Addr
	// admitted says that it is no stranger.
	admitted atomic.Bool
	// read counts the bytes while it is one; only the reader uses it.
	read int
	// turn is closed when it is its turn to send much, gone when the connection is closed.
	turn, gone chan struct{}
	once       sync.Once
	// parting says that it is about to be closed, and wrote when something was written last.
	parting atomic.Bool
	wrote   atomic.Int64
	// entered is when it became a stranger, and deadline closes one; nil before that. They and forgotten are
	// guarded by gate.mu.
	entered   time.Time
	deadline  *time.Timer
	forgotten bool
}

// Read reads, and holds up a stranger who sends much until it is his turn.
func (c *conn) Read(p []byte) (int, error) {
	if !c.admitted.Load() && c.read > freeBytes {
		if c.read > strangerBytes {
			return 0, errStranger
		}
		if !c.await() {
			return 0, net.ErrClosed
		}
	}
	n, err := c.Conn.Read(p)
	c.read += n
	return n, err
}

// await waits for the turn of the connection, its admission being one too. It reports false where
// the connection has ended before.
func (c *conn) await() bool {
	c.gate.mu.Lock()
	if c.forgotten || c.admitted.Load() {
		defer c.gate.mu.Unlock()
		return !c.forgotten || c.admitted.Load()
	}
	if c.turn == nil {
		c.turn = make(chan struct{})
		c.deadline.Stop() // that others take their time is not its fault
		c.gate.waiting = append(c.gate.waiting, c)
		c.gate.next()
	}
	turn := c.turn
	c.gate.mu.Unlock()
	select {
	case <-turn:
		return true
	case <-c.gone:
		return false
	}
}

// refused gives the turn of a connection on: what it sent has been read in vain, and for more it
// has to wait again.
func (c *conn) refused() {
	c.gate.mu.Lock()
	defer c.gate.mu.Unlock()
	if i := slices.Index(c.gate.large, c); i >= 0 {
		c.gate.large, c.turn = slices.Delete(c.gate.large, i, i+1), nil
		c.gate.next()
	}
}

// admit makes the connection one of a gateway that said who it is.
func (c *conn) admit() {
	if c.admitted.Swap(true) {
		return
	}
	c.gate.mu.Lock()
	c.gate.known(c)
	c.gate.mu.Unlock()
}

// note notes what the connection is refused.
func (c *conn) note(kind, reason string) {
	from := c.peer.String()
	if !c.peer.IsValid() {
		from = c.RemoteAddr().String()
	}
	c.gate.refused.note(Refusal{Kind: kind, Peer: from, Reason: reason})
}

// expire closes a stranger.
func (c *conn) expire(reason string) {
	if !c.admitted.Load() {
		c.note("strangers", reason)
		_ = c.Close()
	}
}

// evict closes a connection in favour of another's.
func (c *conn) evict() {
	if !c.admitted.Load() {
		c.expire("there are too many connections that have not said who they are")
		return
	}
	c.note("connections", "its address has most of all connections, and another's has to have one, see --xds-max-connections")
	_ = c.Close()
}

// Close closes the connection and makes room for another.
func (c *conn) Close() error {
	c.once.Do(func() {
		close(c.gone)
		c.gate.mu.Lock()
		c.gate.forget(c)
		c.gate.mu.Unlock()
	})
	return c.Conn.Close()
}

// NetConn returns the connection that was accepted, of which the kernel can be asked who is at its other end.
func (c *conn) NetConn() net.Conn { return c.Conn }

// RemoteAddr is the peer's address, which leads a stream to its connection.
func (c *conn) RemoteAddr() net.Addr { return address{c.Conn.RemoteAddr(), c} }

type address struct {
	net.Addr
	conn *conn
}

// String returns the address. Who connects to a Unix socket has none, so that is the socket's, by the name of its listener.
func (a address) String() string {
	if a.Network() == "unix" {
		return "unix:" + a.conn.gate.Addr().String()
	}
	return a.Addr.String()
}

// peerOf is whose connection it is, for fairness: the address, of IPv6 the network that one
// site has at least. What is no IP address is one peer.
func peerOf(a net.Addr) netip.Addr {
	at, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Addr{}
	}
	ip := at.Addr().WithZone("").Unmap()
	if ip.Is6() {
		const site = 64
		if network, err := ip.Prefix(site); err == nil {
			return network.Addr()
		}
	}
	return ip
}
