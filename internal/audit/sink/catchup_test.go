package sink

import (
	"slices"
	"testing"
	"time"
)

// TestASinkCatchesUpWithTheRecord holds that a sink is given the last lines of the record that the process before did not put on its
// spool, once, whether those before were delivered or wait, and that one that is new begins with what comes.
func TestASinkCatchesUpWithTheRecord(t *testing.T) {
	for name, before := range map[string]*receiver{"delivered": {}, "waiting": {fail: down}} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			first, _ := one(t, dir, DefaultBounds(), before)
			must(t, first.Take(t.Context(), made(1, 3)))
			if before.fail == nil {
				eventually(t, "they arrive", func() bool { return slices.Equal(before.numbers(), numbers(1, 3)) })
				eventually(t, "that is noted", first.idle) // else they come once more
			}
			closed(t, first)
			from := 4
			if before.fail != nil {
				from = 1
			}
			after := &receiver{}
			s := having(t, dir, DefaultBounds(), map[string]Deliverer{"siem": after, "new": &receiver{}})
			must(t, s.CatchUp(made(1, 5)))
			must(t, s.CatchUp(made(1, 5)))
			if events, _, _ := s.senders["new"].queue.waiting(s.options.Now()); events != 0 {
				t.Errorf("a sink that is new is given %d lines of before", events)
			}
			must(t, s.Take(t.Context(), made(6, 6)))
			heard := &told{}
			s.Start(heard.tell)
			eventually(t, "all arrive once", func() bool { return slices.Equal(after.numbers(), numbers(from, 6)) })
			closed(t, s)
		})
	}
}

// TestWhatIsDeliveredBeforeTheDiskHasItIsNotedThere holds, so that the next process knows what the sink has.
func TestWhatIsDeliveredBeforeTheDiskHasItIsNotedThere(t *testing.T) {
	q := newQueue("siem", DefaultBounds())
	q.push(time.Now(), made(1, 3))
	b, _ := q.head(maxBatch)
	q.finish(b)
	c, some := q.unsaved()
	if !some || c.seq != 3 || len(c.put) != 0 {
		t.Fatalf("the disk is told %v, %+v", some, c)
	}
	if q.saved(c) {
		t.Error("there is more to be told")
	}
	if c, some := q.unsaved(); some {
		t.Errorf("it is told again: %+v", c)
	}
}
