package sink

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"github.com/portreeve/portreeve/internal/audit"
)

// one is a set with one sink, siem.
func one(t *testing.T, dir string, b Bounds, r *receiver) (*Set, *told) {
	t.Helper()
	s, heard := having(t, dir, b, map[string]Deliverer{"siem": r}), &told{}
	s.Start(heard.tell)
	return s, heard
}

// TestOverTheBoundTheNewestAreLost holds for events and for bytes, and that an outage is told once, with how many it cost.
func TestOverTheBoundTheNewestAreLost(t *testing.T) {
	size := entry{line: made(1, 1)[0]}.size()
	for name, b := range map[string]Bounds{"events": {Events: 100, Bytes: 1 << 30}, "bytes": {Events: 1 << 30, Bytes: 100 * size}} {
		for where, dir := range map[string]string{"in memory": "", "on disk": t.TempDir()} {
			t.Run(name+" "+where, func(t *testing.T) {
				r := &receiver{fail: down}
				s, heard := one(t, dir, b, r)
				defer closed(t, s)
				err := s.Take(t.Context(), made(1, 150))
				if lost := errors.Is(err, audit.ErrLost); lost != (dir != "") {
					t.Errorf("Take returned %v", err)
				}
				if flushed := s.Flush(t.Context()); (flushed == nil) != (dir == "") {
					t.Errorf("while it is full Flush returned %v", flushed)
				}
				_ = s.Take(t.Context(), made(151, 160))
				r.failing(nil)
				eventually(t, "what there was room for arrives", func() bool { return slices.Equal(r.numbers(), numbers(1, 100)) })
				must(t, s.Flush(t.Context()))
				must(t, s.Take(t.Context(), made(161, 170)))
				eventually(t, "what comes then arrives", func() bool { return slices.Equal(r.numbers(), slices.Concat(numbers(1, 100), numbers(161, 170))) })
				heard.mu.Lock()
				defer heard.mu.Unlock()
				var lost []any
				for _, e := range heard.events {
					if e.Type == audit.EventsLost {
						lost = append(lost, e.Details)
					}
				}
				if diff := cmp.Diff([]any{audit.Lost{Sink: "siem", Events: 60, From: 101, To: 160}}, lost); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

// TestMemoryIsBounded holds without a spool, whatever the bounds of that are.
func TestMemoryIsBounded(t *testing.T) {
	s := unopened(Bounds{Events: 1 << 30, Bytes: 1 << 40}, map[string]Deliverer{"many": &receiver{}})
	must(t, s.Take(t.Context(), made(1, maxMemoryEvents+1000)))
	large := audit.Line{Bytes: bytes.Repeat([]byte("x"), 1<<20)}
	other := unopened(Bounds{Events: 1 << 30, Bytes: 1 << 40}, map[string]Deliverer{"large": &receiver{}})
	for range 100 {
		must(t, other.Take(t.Context(), []audit.Line{large}))
	}
	if events, _, _ := s.senders["many"].queue.waiting(time.Now()); events != maxMemoryEvents {
		t.Errorf("%d events wait, want %d", events, maxMemoryEvents)
	}
	if _, size, _ := other.senders["large"].queue.waiting(time.Now()); size > maxMemoryBytes+2<<20 {
		t.Errorf("%d bytes wait", size)
	}
}

func TestASpoolIsOfOneProcess(t *testing.T) {
	dir := t.TempDir()
	s, _ := one(t, dir, DefaultBounds(), &receiver{})
	e := listening(t)
	_, err := Open(Options{Config: Config{Webhooks: []Webhook{{Name: "siem", URL: e.URL}}, Spool: DefaultBounds()}, Spool: dir, Logger: quiet()})
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "--audit-spool "+dir) {
		t.Errorf("got %v, want ErrLocked", err)
	}
	closed(t, s)
}

// aside returns the spools of a directory that were set aside.
func aside(t *testing.T, dir string) []string {
	t.Helper()
	all, err := filepath.Glob(spoolOf(dir) + ".broken-*")
	must(t, err)
	return all
}

// filled returns the directory of a spool that holds so many events.
func filled(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	s, _ := one(t, dir, DefaultBounds(), &receiver{fail: down})
	must(t, s.Take(t.Context(), made(1, n)))
	closed(t, s)
	return dir
}

// TestABrokenSpoolIsSetAsideAtTheStart holds for files that are cut short, overwritten, or something else.
func TestABrokenSpoolIsSetAsideAtTheStart(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"something else": func(path string) error { return os.WriteFile(path, bytes.Repeat([]byte("no "), 100_000), 0o600) },
		"empty pages":    func(path string) error { return overwrite(path, 0, make([]byte, 64<<10)) },
		"cut short":      func(path string) error { return os.Truncate(path, 9000) },
		"half a page":    func(path string) error { return os.Truncate(path, 100) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filled(t, 50)
			must(t, damage(spoolOf(dir)))
			r := &receiver{}
			s, _ := one(t, dir, DefaultBounds(), r)
			defer closed(t, s)
			_ = s.Take(t.Context(), made(51, 60))
			eventually(t, "what comes then arrives", func() bool { return len(r.numbers()) >= 10 })
			must(t, s.Take(t.Context(), made(61, 70)))
			eventually(t, "it is set aside", func() bool { return len(aside(t, dir)) == 1 })
		})
	}
}

func overwrite(path string, at int64, with []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(with, at)
	return errors.Join(err, f.Close())
}

// TestASpoolThatBreaksWhileItIsUsedIsSetAside holds for a file that somebody cuts short, whose memory cannot be read any more:
// what comes then is delivered, and what was on it is counted.
func TestASpoolThatBreaksWhileItIsUsedIsSetAside(t *testing.T) {
	dir := t.TempDir()
	r := &receiver{fail: down}
	s, heard := one(t, dir, DefaultBounds(), r)
	defer closed(t, s)
	must(t, s.Take(t.Context(), made(1, 5000)))
	must(t, os.Truncate(spoolOf(dir), 0))
	r.failing(nil)
	eventually(t, "it is set aside", func() bool { return len(aside(t, dir)) == 1 })
	eventually(t, "the loss is told", func() bool { return slices.Contains(heard.types(), "audit.lost siem") })
	eventually(t, "the disk takes events again", func() bool { return s.Flush(t.Context()) == nil })
	must(t, s.Take(t.Context(), made(5001, 5010)))
	eventually(t, "what comes then arrives", func() bool {
		got := r.numbers()
		return len(got) >= 10 && slices.Equal(got[len(got)-10:], numbers(5001, 5010))
	})
}

// TestASpoolThatIsRemovedWhileItIsUsedKeepsNothing holds also where another file is in its place: what comes then is kept only
// where the next process finds it, and what was on it is told as lost.
func TestASpoolThatIsRemovedWhileItIsUsedKeepsNothing(t *testing.T) {
	for name, does := range map[string]func(path string) error{
		"removed": os.Remove,
		"replaced": func(path string) error {
			return errors.Join(os.Remove(path), os.WriteFile(path, []byte("another"), 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s, heard := one(t, dir, DefaultBounds(), &receiver{fail: down})
			must(t, s.Take(t.Context(), made(1, 10)))
			must(t, does(spoolOf(dir)))
			if err := s.Take(t.Context(), made(11, 20)); err == nil {
				t.Error("it is kept in a file that nobody finds")
			}
			eventually(t, "it is kept in another", func() bool { return s.Flush(t.Context()) == nil })
			eventually(t, "the loss is told", func() bool { return slices.Contains(heard.types(), "audit.lost siem") })
			closed(t, s)
			r := &receiver{}
			next, _ := one(t, dir, DefaultBounds(), r)
			defer closed(t, next)
			eventually(t, "the next process has it", func() bool { return slices.Equal(r.numbers(), numbers(11, 20)) })
		})
	}
}

// TestABrokenEntryIsLeftOut holds that the others are delivered, and that it is told.
func TestABrokenEntryIsLeftOut(t *testing.T) {
	dir := filled(t, 20)
	db, err := bbolt.Open(spoolOf(dir), 0o600, nil)
	must(t, err)
	must(t, db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(linesBucket)).Bucket([]byte("siem"))
		value := slices.Clone(b.Get(key(7)))
		value[40] ^= 1
		return b.Put(key(7), value)
	}))
	must(t, db.Close())
	r := &receiver{}
	s, heard := one(t, dir, DefaultBounds(), r)
	eventually(t, "the others arrive", func() bool { return slices.Equal(r.numbers(), slices.Concat(numbers(1, 6), numbers(8, 20))) })
	eventually(t, "it is told", func() bool { return slices.Contains(heard.types(), "audit.lost siem") })
	eventually(t, "nothing waits", func() bool {
		events, size, _ := s.senders["siem"].queue.waiting(time.Now())
		return events == 0 && size == 0
	})
	closed(t, s)
}

// TestADiskThatHangsHoldsUpNobody holds the write lock of the spool, as a disk that does not answer does.
func TestADiskThatHangsHoldsUpNobody(t *testing.T) {
	r := &receiver{}
	s, _ := one(t, t.TempDir(), DefaultBounds(), r)
	must(t, s.Take(t.Context(), made(1, 10)))
	eventually(t, "ten arrive", func() bool { return len(r.numbers()) == 10 })
	hung, err := s.writer.store.db.Begin(true)
	must(t, err)
	r.failing(down) // what is delivered at once the disk need not have
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := s.Take(ctx, made(11, 20)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Take returned %v", err)
	}
	r.failing(nil)
	eventually(t, "what the disk does not have arrives", func() bool { return slices.Equal(r.numbers(), numbers(1, 20)) })
	s.writer.mu.Lock()
	s.writer.since = time.Now().Add(-time.Minute)
	s.writer.mu.Unlock()
	ended, end := context.WithCancel(t.Context())
	end() // who waits hears of that
	if err := s.Take(ended, made(21, 30)); !errors.Is(err, errStuck) {
		t.Errorf("Take waited for a disk that hangs: %v", err)
	}
	eventually(t, "that arrives too", func() bool { return slices.Equal(r.numbers(), numbers(1, 30)) })
	if err := s.Close(t.Context()); !errors.Is(err, errStuck) {
		t.Errorf("Close: %v", err)
	}
	must(t, hung.Rollback())
	<-s.writer.done
}

// TestASpoolThatCannotBeOpenedIsNoReasonNotToStart holds that what comes meanwhile is delivered, or put behind what the spool has.
func TestASpoolThatCannotBeOpenedIsNoReasonNotToStart(t *testing.T) {
	dir := filled(t, 10)
	away := dir + ".away"
	must(t, os.Rename(dir, away))
	must(t, os.WriteFile(dir, nil, 0o600))
	r := &receiver{}
	s, _ := one(t, dir, DefaultBounds(), r)
	if err := s.Take(t.Context(), made(11, 15)); err == nil {
		t.Error("without a spool Take says that lines are kept")
	}
	eventually(t, "they arrive", func() bool { return slices.Equal(r.numbers(), numbers(11, 15)) })
	eventually(t, "that is noted", s.idle) // else they come once more
	r.failing(down)
	if err := s.Take(t.Context(), made(16, 20)); err == nil {
		t.Error("without a spool Take says that lines are kept")
	}
	must(t, os.Remove(dir))
	must(t, os.Rename(away, dir))
	must(t, s.Flush(t.Context()))
	r.failing(nil)
	want := slices.Concat(numbers(11, 15), numbers(1, 10), numbers(16, 20))
	eventually(t, "all arrive, in order but for what the spool could not say", func() bool { return slices.Equal(r.numbers(), want) })
	closed(t, s)
}

// TestWhatWasTakenBeforeTheSpoolWasFoundIsNotTakenForWhatItHas holds that a delivery that was under way ends nothing of the spool.
func TestWhatWasTakenBeforeTheSpoolWasFoundIsNotTakenForWhatItHas(t *testing.T) {
	q := newQueue("siem", DefaultBounds())
	q.push(time.Now(), made(11, 15))
	before, _ := q.head(10)
	q.found(kept{first: 1, last: 10, events: 10, bytes: 1000})
	q.finish(before)
	if events, _, _ := q.waiting(time.Now()); events != 15 {
		t.Errorf("%d wait, want 15", events)
	}
	if _, onDisk := q.head(10); onDisk != 1 {
		t.Errorf("the next is %d on disk, want 1", onDisk)
	}
}

// TestASpoolMakesItsDirectory holds that it is for its owner only.
func TestASpoolMakesItsDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	s, _ := one(t, dir, DefaultBounds(), &receiver{})
	must(t, s.Take(t.Context(), made(1, 1)))
	closed(t, s)
	for path, want := range map[string]os.FileMode{dir: 0o700, spoolOf(dir): 0o600} {
		info, err := os.Stat(path)
		must(t, err)
		if info.Mode().Perm() != want {
			t.Errorf("%s: %v, want %v", path, info.Mode().Perm(), want)
		}
	}
}

// TestASpoolOfASinkThatIsGoneStays holds that its events are there when the sink comes back.
func TestASpoolOfASinkThatIsGoneStays(t *testing.T) {
	dir := filled(t, 10)
	s := having(t, dir, DefaultBounds(), map[string]Deliverer{"another": &receiver{}})
	must(t, s.Take(t.Context(), made(11, 20)))
	closed(t, s)
	r := &receiver{}
	again, _ := one(t, dir, DefaultBounds(), r)
	eventually(t, "they arrive", func() bool { return slices.Equal(r.numbers(), numbers(1, 10)) })
	closed(t, again)
}
