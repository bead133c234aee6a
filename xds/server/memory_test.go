package server_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/portreeve/portreeve/xds/ack"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// The streams of a group share what they are served, also while they are held: each keeps little.
func TestWhatAStreamKeeps(t *testing.T) {
	n, g := envoyNode(t, "edge")
	many := make([]string, 5000)
	for i := range many {
		many[i] = fmt.Sprint("cluster-", i)
	}
	r := start(t, map[string]*snapshot.Snapshot{g.Key: to(many...).snapshot(t)})
	first := r.dial(ack.Delta, n)
	first.ask(ecds, "deny")
	first.accept(first.next())
	const streams = 50
	before := heap()
	for range streams {
		c := dial(r.ctx, t, r.another(), ack.Delta, n) // a connection has eight streams at most
		c.ask(ecds, "deny")
		c.accept(c.next())
	}
	r.set(g.Key, to(append([]string{"new"}, many[:4000]...)...).snapshot(t))
	after := heap()
	// The libraries keep some 170 KiB of a connection and its stream at both ends; a copy of the
	// names alone were 400.
	if each := (after - before) / streams; each > 300<<10 {
		t.Errorf("%d bytes a stream", each)
	} else {
		t.Logf("%d bytes a stream", each)
	}
}

// A stream keeps nothing of the edits before it: each of many that began between others would keep
// its own for as long as it is open.
func TestAStreamKeepsNoEarlierEdit(t *testing.T) {
	n, g := envoyNode(t, "edge")
	many := make([]string, 3000)
	for i := range many {
		many[i] = fmt.Sprint("cluster-", i)
	}
	edit := func(i int) *snapshot.Snapshot {
		return to(append([]string{fmt.Sprint("new-", i)}, many...)...).snapshot(t)
	}
	r := start(t, map[string]*snapshot.Snapshot{g.Key: edit(0)})
	const streams, few = 30, 10 // after a few there are as many generations as there may be
	var before int64
	for i := 1; i <= few+streams; i++ {
		r.set(g.Key, edit(i))
		c := dial(r.ctx, t, r.another(), ack.Delta, n)
		c.ask(ecds, "deny")
		c.accept(c.next())
		if i == few {
			before = heap()
		}
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for { // what lingers goes within two seconds, and what the streams share at the next edit
		r.set(g.Key, edit(few+streams))
		each := (heap() - before) / streams
		if each < 3<<19 {
			t.Logf("%d bytes a stream", each)
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%d bytes a stream", each)
		}
	}
}

// heap is how much is in use.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what earlier tests left may take two
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
