package server

import (
	"net"
	"testing"
	"time"
)

// from makes a connection one of another address.
func (o *opened) from(c *conn, ip net.IP) {
	o.mu.Lock()
	defer o.mu.Unlock()
	c.peer = peerOf(&net.TCPAddr{IP: ip})
}

// here is another address of this machine, in the way of a gateway on another one.
func (o *opened) here(t *testing.T) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	c, err := d.DialContext(t.Context(), "tcp", o.Addr().String())
	if err != nil {
		t.Skipf("SKIPPED, NOT PASSED: %v", err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(testBound)); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestOneAddressCannotTakeEveryPlace holds that where gateways of one address have every
// connection, the youngest of them makes room for another address, and that neither then closes
// one of the other's again.
func TestOneAddressCannotTakeEveryPlace(t *testing.T) {
	const most = 6
	o := open(t, most, 100, time.Hour)
	var crowd []*conn
	for range most {
		_, c := o.dial(t)
		c.admit()
		crowd = append(crowd, c)
	}
	var others []*conn
	for i := range most / 2 {
		o.here(t)
		select {
		case c := <-o.accepted:
			c.admit()
			others = append(others, c)
		case <-time.After(testBound):
			t.Fatalf("connection %d of another address is not let in", i)
		}
		o.mu.Lock()
		for j, c := range crowd {
			if want := j >= most-1-i; c.forgotten != want {
				t.Errorf("after %d, connection %d of the crowd is closed: %v", i, j, c.forgotten)
			}
		}
		o.mu.Unlock()
	}
	if !closed(o.here(t)) || !closed(o.connect(t)) {
		t.Error("both have half, and one gets more")
	}
	for _, c := range others {
		if c.forgotten {
			t.Error("one of the other address was closed")
		}
	}
	if n := counted(t, o.refused, "connections"); n != most/2+2 {
		t.Errorf("%v are counted", n)
	}
}

// TestACrowdDoesNotCloseANewcomer holds that who has most places cannot close the connection of
// another that has not said yet who it is.
func TestACrowdDoesNotCloseANewcomer(t *testing.T) {
	o := open(t, 4, 100, time.Hour)
	_, quiet := o.dial(t)
	o.from(quiet, net.IPv4(192, 0, 2, 7))
	for range 3 {
		_, c := o.dial(t)
		c.admit()
	}
	if !closed(o.connect(t)) {
		t.Error("the crowd gets more")
	}
	if quiet.forgotten {
		t.Error("the newcomer was closed")
	}
}
