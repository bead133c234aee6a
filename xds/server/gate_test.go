package server

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// testBound bounds a test.
const testBound = 20 * time.Second

// opened is a gate on loopback, and what it has accepted.
type opened struct {
	*gate
	log      *bytes.Buffer
	accepted chan *conn
}

func open(t *testing.T, connections, strangers int, first time.Duration) *opened {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := &opened{log: &bytes.Buffer{}, accepted: make(chan *conn, 1024)}
	o.gate = &gate{Listener: l, most: connections, strangersMost: strangers, firstRequestTimeout: first, pressed: time.Hour, refused: newRefusals(slog.New(slog.NewTextHandler(o.log, nil)), nil, time.Now)}
	var done sync.WaitGroup
	done.Go(func() {
		for {
			c, err := o.Accept()
			if err != nil {
				return
			}
			o.accepted <- c.(*conn)
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		done.Wait()
		close(o.accepted)
		for c := range o.accepted {
			_ = c.Close()
		}
	})
	return o
}

// dial connects, and returns the connection's both ends.
func (o *opened) dial(t *testing.T) (client net.Conn, server *conn) {
	t.Helper()
	client = o.connect(t)
	select {
	case server = <-o.accepted:
	case <-time.After(testBound):
		t.Fatal("it is not accepted")
	}
	t.Cleanup(func() { _ = server.Close() })
	return client, server
}

func (o *opened) connect(t *testing.T) net.Conn {
	t.Helper()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", o.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(testBound)); err != nil {
		t.Fatal(err)
	}
	return c
}

// closed reports whether the other end has closed a connection.
func closed(c net.Conn) bool {
	_, err := c.Read(make([]byte, 1))
	return err != nil && !strings.Contains(err.Error(), "timeout")
}

// counted is how many refusals of a kind there were.
func counted(t *testing.T, r *refusals, kind string) float64 {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(r.count)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range families[0].GetMetric() {
		if m.GetLabel()[0].GetValue() == kind {
			return m.GetCounter().GetValue()
		}
	}
	t.Fatalf("nothing is counted of %s", kind)
	return 0
}

// TestAStrangerHasLittleTime holds that a connection on which no node comes is closed, and one
// of a gateway is not.
func TestAStrangerHasLittleTime(t *testing.T) {
	o := open(t, 10, 10, 50*time.Millisecond)
	gateway, server := o.dial(t)
	server.admit()
	stranger, _ := o.dial(t)
	if !closed(stranger) {
		t.Error("the stranger stays")
	}
	if _, err := server.Write([]byte("a")); err != nil {
		t.Error(err)
	}
	if _, err := gateway.Read(make([]byte, 1)); err != nil {
		t.Errorf("the gateway was closed: %v", err)
	}
}

// TestStrangersMakeRoom holds that above the bound of connections the oldest stranger is closed and the newest
// let in, and that gateways stay.
func TestStrangersMakeRoom(t *testing.T) {
	o := open(t, 4, 100, time.Hour)
	_, gateway := o.dial(t)
	gateway.admit()
	var strangers []net.Conn
	for range 5 {
		c, _ := o.dial(t)
		strangers = append(strangers, c)
	}
	for i, c := range strangers[:2] {
		if !closed(c) {
			t.Errorf("stranger %d stays", i)
		}
	}
	if len(o.strangers) != 3 || len(o.open) != 4 || gateway.forgotten {
		t.Errorf("%d strangers of %d connections", len(o.strangers), len(o.open))
	}
	if n := counted(t, o.refused, "strangers"); n != 2 {
		t.Errorf("%v are counted", n)
	}
}

// TestGatewaysAreNotClosedForOthers holds that the bound of connections refuses the newest where
// all others are of gateways, and that one that is closed makes room.
func TestGatewaysAreNotClosedForOthers(t *testing.T) {
	o := open(t, 2, 100, time.Hour)
	var gateways []*conn
	for range 2 {
		_, c := o.dial(t)
		c.admit()
		gateways = append(gateways, c)
	}
	if !closed(o.connect(t)) {
		t.Error("a third one stays")
	}
	if gateways[0].forgotten || gateways[1].forgotten {
		t.Error("a gateway was closed")
	}
	_ = gateways[0].Close()
	_ = gateways[0].Close()
	if _, c := o.dial(t); c == nil || len(o.open) != 2 {
		t.Errorf("%d are open", len(o.open))
	}
}

// reading reads all that a connection gives and tells how much it was each time.
func reading(c *conn) <-chan int {
	out := make(chan int, 1<<16)
	go func() {
		defer close(out)
		buffer := make([]byte, 16<<10)
		for all := 0; ; {
			n, err := c.Read(buffer)
			all += n
			out <- all
			if err != nil {
				return
			}
		}
	}()
	return out
}

// reach reads on until so much was read, and reports false where the connection ends before.
func reach(t *testing.T, read <-chan int, want int) bool {
	t.Helper()
	limit := time.After(testBound)
	for {
		select {
		case all, ok := <-read:
			if all >= want {
				return true
			}
			if !ok {
				return false
			}
		case <-limit:
			t.Fatalf("%d bytes were never read", want)
		}
	}
}

// TestStrangersTakeTurnsToSendMuch holds that what is read of strangers is bounded in all, and
// that each of them has its turn.
func TestStrangersTakeTurnsToSendMuch(t *testing.T) {
	o := open(t, 100, 100, time.Hour)
	const much = 1 << 20
	var servers []*conn
	var reads []<-chan int
	for range largePerPeer + 3 {
		client, server := o.dial(t)
		go func() { _, _ = client.Write(make([]byte, much)) }()
		read := reading(server)
		if !reach(t, read, freeBytes+1) {
			t.Fatal("it was closed")
		}
		servers, reads = append(servers, server), append(reads, read)
	}
	for i, read := range reads[:largePerPeer] {
		if !reach(t, read, much) {
			t.Errorf("connection %d has a turn and was closed", i)
		}
	}
	waiting := func() (large, waiting int) {
		o.mu.Lock()
		defer o.mu.Unlock()
		return len(o.large), len(o.waiting)
	}
	for i := largePerPeer; i < len(servers); i++ {
		limit := time.After(testBound)
		for want := len(servers) - i; ; {
			if large, n := waiting(); large == largePerPeer && n == want {
				break
			}
			select {
			case <-limit:
				t.Fatal("they do not wait for their turn")
			default:
			}
		}
		switch c := servers[i-largePerPeer]; i % 3 {
		case 0:
			c.admit()
		case 1:
			c.refused()
		default:
			_ = c.Close()
		}
		if !reach(t, reads[i], much) {
			t.Errorf("connection %d never has its turn", i)
		}
	}
	for _, c := range servers {
		_ = c.Close()
	}
	if large, n := waiting(); large+n != 0 || len(o.open) != 0 {
		t.Errorf("%d turns are taken, %d wait, %d are open", large, n, len(o.open))
	}
}

// TestAStrangerWhoWaitsCanBeAdmitted holds that a gateway reads on as soon as it is one.
func TestAStrangerWhoWaitsCanBeAdmitted(t *testing.T) {
	o := open(t, 100, 100, time.Hour)
	var reads []<-chan int
	var servers []*conn
	for range largePerPeer + 1 {
		client, server := o.dial(t)
		go func() { _, _ = client.Write(make([]byte, 1<<20)) }()
		reads, servers = append(reads, reading(server)), append(servers, server)
		reach(t, reads[len(reads)-1], freeBytes+1)
	}
	limit := time.After(testBound)
	for waits := false; !waits; {
		o.mu.Lock()
		waits = len(o.waiting) == 1
		o.mu.Unlock()
		select {
		case <-limit:
			t.Fatal("it does not wait")
		default:
		}
	}
	servers[largePerPeer].admit()
	if !reach(t, reads[largePerPeer], 1<<20) {
		t.Error("it still waits")
	}
	for _, c := range servers {
		_ = c.Close()
	}
}

// TestWaitingIsNotCounted holds that who waits for others has his own time after that, and that
// those who take theirs without an end do not keep him waiting for ever.
func TestWaitingIsNotCounted(t *testing.T) {
	o := open(t, 100, 100, 300*time.Millisecond)
	var reads []<-chan int
	for i := range largePerPeer + 1 {
		client, server := o.dial(t)
		go func() { _, _ = client.Write(make([]byte, freeBytes+64<<10)) }()
		reads = append(reads, reading(server))
		reach(t, reads[i], freeBytes+1)
	}
	// The first ones never send more, and are closed for it.
	if !reach(t, reads[largePerPeer], freeBytes+64<<10) {
		t.Error("it was closed while it waited")
	}
}

// TestAStrangerWhoWaitsCanBeClosed holds that waiting ends with the connection.
func TestAStrangerWhoWaitsCanBeClosed(t *testing.T) {
	o := open(t, 100, 100, time.Hour)
	var reads []<-chan int
	var servers []*conn
	for range largePerPeer + 1 {
		client, server := o.dial(t)
		go func() { _, _ = client.Write(make([]byte, 1<<20)) }()
		reads, servers = append(reads, reading(server)), append(servers, server)
		reach(t, reads[len(reads)-1], freeBytes+1)
	}
	_ = servers[largePerPeer].Close()
	if reach(t, reads[largePerPeer], 1<<20) {
		t.Error("it had a turn")
	}
	for _, c := range servers {
		_ = c.Close()
	}
}

// TestAStrangerCannotSendWithoutEnd holds the bound of one.
func TestAStrangerCannotSendWithoutEnd(t *testing.T) {
	o := open(t, 100, 100, time.Hour)
	client, server := o.dial(t)
	go func() { _, _ = io.Copy(client, endless{}) }()
	read := reading(server)
	all := 0
	for n := range read {
		all = n
	}
	if all > strangerBytes+64<<10 || all < maxRequest {
		t.Errorf("%d bytes were read", all)
	}
}

// endless is what a stranger may send.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// TestPeerOf holds who shares a bound.
func TestPeerOf(t *testing.T) {
	for a, b := range map[string]string{"192.0.2.1:1": "192.0.2.1:2", "[::ffff:192.0.2.1]:1": "192.0.2.1:1", "[2001:db8::1]:1": "[2001:db8::2]:1", "nothing": "nobody"} {
		if peerOf(named(a)) != peerOf(named(b)) {
			t.Errorf("%s and %s are not one", a, b)
		}
	}
	for a, b := range map[string]string{"192.0.2.1:1": "192.0.2.2:1", "[2001:db8:0:1::1]:1": "[2001:db8:0:2::1]:1"} {
		if peerOf(named(a)) == peerOf(named(b)) {
			t.Errorf("%s and %s are one", a, b)
		}
	}
}

type named string

func (named) Network() string  { return "tcp" }
func (n named) String() string { return string(n) }

// TestRefusalsDoNotFillTheLog holds how many lines a minute there are, of one gateway and of all, and that all are counted
// and told.
func TestRefusalsDoNotFillTheLog(t *testing.T) {
	var log bytes.Buffer
	now := time.Unix(0, 0)
	told := 0
	r := newRefusals(slog.New(slog.NewTextHandler(&log, nil)), func(r Refusal) {
		if told++; len(r.Node) > 1<<10 {
			t.Errorf("%d bytes are told of a node", len(r.Node))
		}
	}, func() time.Time { return now })
	for range 1000 {
		r.note(Refusal{Kind: "node", Peer: "192.0.2.1", Node: strings.Repeat("a", 1<<20), Reason: "a reason"})
	}
	if lines := strings.Count(log.String(), "\n"); lines != refusalLinesOfOne {
		t.Errorf("%d lines of one", lines)
	}
	for i := range 1000 {
		r.note(Refusal{Kind: "node", Peer: fmt.Sprintf("192.0.2.1:%d", i), Node: fmt.Sprint("edge-", i), Reason: "a reason"})
	}
	if lines := strings.Count(log.String(), "\n"); lines != refusalLines || log.Len() > refusalLines*1000 {
		t.Errorf("%d lines of %d bytes", lines, log.Len())
	}
	if n := counted(t, r, "node"); n != 2000 || told != 2000 {
		t.Errorf("%v are counted, %d are told", n, told)
	}
	now = now.Add(time.Minute)
	r.note(Refusal{Kind: "node", Peer: "192.0.2.1", Node: "a", Reason: "the next minute"})
	if !strings.Contains(log.String(), "the next minute") {
		t.Error("the next minute is silent")
	}
}

// TestNewcomers holds how many groups a peer may make up, and that those that were here before
// come back whatever others do.
func TestNewcomers(t *testing.T) {
	now := time.Unix(0, 0)
	n := newNewcomers(2, func() time.Time { return now })
	known := func(g string) bool { return g == "of another run" }
	one, two := peerOf(named("192.0.2.1:1")), peerOf(named("192.0.2.2:1"))
	for i, c := range []struct {
		after time.Duration
		peer  int
		group string
		want  bool
	}{
		{0, 1, "a", true}, {0, 1, "b", true}, {0, 1, "c", false}, {0, 1, "a", true}, {0, 1, "of another run", true},
		{0, 2, "c", true}, {0, 1, "c", true}, {29 * time.Second, 1, "d", false}, {time.Second, 1, "d", true}, {0, 1, "e", false},
		{time.Hour, 1, "e", true}, {0, 1, "f", true}, {0, 1, "g", false}, {0, 1, "b", true},
	} {
		now = now.Add(c.after)
		peer := one
		if c.peer == 2 {
			peer = two
		}
		if got := n.admits(peer.String(), c.group, known); got != c.want {
			t.Errorf("%d: group %s of peer %d is let in: %v", i, c.group, c.peer, got)
		}
	}
}

// TestNewcomersAreForgotten holds that what is remembered of peers and groups is bounded.
func TestNewcomersAreForgotten(t *testing.T) {
	now := time.Unix(0, 0)
	n := newNewcomers(1, func() time.Time { return now })
	none := func(string) bool { return false }
	for i := range maxPeers + 10 {
		ip := net.IPv4(10, byte(i>>16), byte(i>>8), byte(i))
		if got := n.admits(peerOf(&net.TCPAddr{IP: ip}).String(), "group "+ip.String(), none); got != (i < maxPeers) {
			t.Fatalf("peer %d is let in: %v", i, got)
		}
	}
	now = now.Add(time.Minute)
	for i := range 10 {
		ip := net.IPv4(11, 0, 0, byte(i))
		if !n.admits(peerOf(&net.TCPAddr{IP: ip}).String(), "group "+ip.String(), none) {
			t.Error("a minute later nobody is let in")
		}
	}
	if len(n.peers) != 10 || len(n.seen) != maxSeen || len(n.order) != maxSeen {
		t.Errorf("%d peers and %d groups are remembered", len(n.peers), len(n.seen))
	}
}
