package server

import (
	"net"
	"testing"
	"time"
)

// next returns the next connection that enters.
func (o *opened) next(t *testing.T) *conn {
	t.Helper()
	select {
	case c := <-o.accepted:
		t.Cleanup(func() { _ = c.Close() })
		return c
	case <-time.After(testBound):
		t.Fatal("none enters")
		return nil
	}
}

// waits waits until so many connections wait for their entry.
func (o *opened) waits(t *testing.T, n int) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(testBound); ; {
		o.mu.Lock()
		waiting := len(o.entry.parked)
		o.mu.Unlock()
		if waiting == n {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%d wait, want %d", waiting, n)
		}
	}
}

// forgot reports whether a connection was closed.
func (o *opened) forgot(c *conn) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return c.forgotten
}

// presses sets how long a stranger may take while others wait.
func (o *opened) presses(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pressed = d
}

// TestAFleetThatComesBackWaitsForItsTurn holds that of many connections at one time only so many are strangers,
// that the others enter in their order as those say who they are or go, and that none is closed for another.
func TestAFleetThatComesBackWaitsForItsTurn(t *testing.T) {
	const most, fleet = 3, 12
	o := open(t, 100, most, time.Hour)
	var clients []net.Conn
	for range fleet {
		clients = append(clients, o.connect(t))
	}
	o.waits(t, fleet-most)
	for i := range fleet {
		c := o.next(t)
		if got, want := c.RemoteAddr().String(), clients[i].LocalAddr().String(); got != want {
			t.Errorf("%s enters as number %d, want %s", got, i, want)
		}
		if len(o.accepted) > most {
			t.Errorf("%d more have entered", len(o.accepted))
		}
		if i%2 == 0 {
			c.admit()
			continue
		}
		_ = c.Close()
	}
	o.waits(t, 0)
	if n := counted(t, o.refused, "strangers"); n != 0 {
		t.Errorf("%v were refused", n)
	}
}

// TestStrangersThatTakeLongMakeWay holds that strangers who say nothing have less time while others wait,
// and the others enter then; who has to wait for a turn of its own is left alone.
func TestStrangersThatTakeLongMakeWay(t *testing.T) {
	o := open(t, 100, 2, time.Hour)
	o.presses(20 * time.Millisecond)
	_, turned := o.dial(t)
	o.mu.Lock()
	o.waiting, turned.turn = append(o.waiting, turned), make(chan struct{})
	o.mu.Unlock()
	silent, _ := o.dial(t)
	o.connect(t)
	o.next(t)
	if !closed(silent) {
		t.Error("the silent one stays")
	}
	if o.forgot(turned) {
		t.Error("the one that waits for its turn was closed")
	}
}

// TestStrangersHaveTheirTimeWhereNobodyWaits holds that nobody is closed early where there is room.
func TestStrangersHaveTheirTimeWhereNobodyWaits(t *testing.T) {
	o := open(t, 100, 2, time.Hour)
	o.presses(time.Millisecond)
	_, first := o.dial(t)
	_, second := o.dial(t)
	for range 3 {
		if _, err := second.Write([]byte("a")); err != nil || o.forgot(first) {
			t.Fatalf("one was closed: %v", err)
		}
	}
	o.connect(t) // now somebody does
	o.next(t)
}

// TestACrowdOfStrangersKeepsNobodyWaiting holds that one who opens many makes room for another peer at once, and that the
// other's connection is never closed for more of them.
func TestACrowdOfStrangersKeepsNobodyWaiting(t *testing.T) {
	o := open(t, 100, crowd, time.Hour)
	for range crowd {
		o.dial(t)
	}
	for range 5 {
		o.connect(t)
	}
	o.waits(t, 5)
	other := o.here(t)
	// The oldest of the crowd has gone for it, and those that wait come before it.
	var entered *conn
	for entered == nil || entered.peer != peerOf(other.LocalAddr()) {
		entered = o.next(t)
	}
	for range 20 {
		o.connect(t)
	}
	o.waits(t, 25)
	o.mu.Lock()
	defer o.mu.Unlock()
	if entered.forgotten {
		t.Error("the one of another peer was closed")
	}
}
