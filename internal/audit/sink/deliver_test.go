package sink

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/internal/audit"
)

// TestAllArrivesInOrderAfterTenMinutes holds with a spool and without one.
func TestAllArrivesInOrderAfterTenMinutes(t *testing.T) {
	for name, dir := range map[string]string{"in memory": "", "on disk": t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, heard := &receiver{}, &told{}
				s := having(t, dir, DefaultBounds(), map[string]Deliverer{"siem": r})
				s.Start(heard.tell)
				defer closed(t, s)
				must(t, s.Take(t.Context(), made(1, 5)))
				synctest.Wait()
				r.failing(down)
				for i := range 60 { // an event every ten seconds
					must(t, s.Take(t.Context(), made(6+i, 6+i)))
					time.Sleep(10 * time.Second) //nolint:forbidigo // the clock of synctest
				}
				if got := r.numbers(); len(got) != 5 {
					t.Errorf("while down %v arrived", got)
				}
				r.failing(nil)
				time.Sleep(5 * time.Minute) //nolint:forbidigo // the clock of synctest
				if diff := cmp.Diff(numbers(1, 65), r.numbers()); diff != "" {
					t.Error(diff)
				}
				want := []string{"audit.sink.failed siem", "audit.sink.recovered siem"}
				if diff := cmp.Diff(want, heard.types()); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestOneSinkDoesNotDelayAnother(t *testing.T) {
	release := make(chan struct{})
	slow := &receiver{entered: make(chan struct{}, 1), fail: func(int) error { <-release; return nil }}
	fast := &receiver{}
	s := having(t, t.TempDir(), DefaultBounds(), map[string]Deliverer{"slow": slow, "fast": fast})
	s.Start(func(audit.Event) {})
	must(t, s.Take(t.Context(), made(1, 1)))
	<-slow.entered
	must(t, s.Take(t.Context(), made(2, 500)))
	eventually(t, "all arrives at the fast one", func() bool { return len(fast.numbers()) == 500 })
	close(release)
	eventually(t, "all arrives at the slow one", func() bool { return slices.Equal(slow.numbers(), numbers(1, 500)) })
	closed(t, s)
}

// TestWhatIsNotDeliveredIsThereAfterARestart holds for an end in good order; that of a process that is killed follows.
func TestWhatIsNotDeliveredIsThereAfterARestart(t *testing.T) {
	dir := t.TempDir()
	r := &receiver{fail: func(n int) error {
		if n > 40 {
			return errDown
		}
		return nil
	}}
	s := having(t, dir, DefaultBounds(), map[string]Deliverer{"siem": r})
	s.Start(func(audit.Event) {})
	must(t, s.Take(t.Context(), made(1, 100)))
	eventually(t, "some arrive", func() bool { return len(r.numbers()) >= 40 })
	closed(t, s)
	r.failing(nil)
	again := having(t, dir, DefaultBounds(), map[string]Deliverer{"siem": r})
	again.Start(func(audit.Event) {})
	must(t, again.Take(context.Background(), made(101, 110)))
	eventually(t, "all arrive", func() bool { return slices.Equal(once(r.numbers()), numbers(1, 110)) })
	closed(t, again)
	third := having(t, dir, DefaultBounds(), map[string]Deliverer{"siem": &receiver{}})
	if events, _, _ := third.senders["siem"].queue.waiting(time.Now()); events != 0 {
		t.Errorf("%d events wait after all were delivered", events)
	}
	closed(t, third)
}
