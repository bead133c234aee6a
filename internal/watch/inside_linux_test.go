package watch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/disk"
)

// still returns a watcher on a new directory with an empty file a.yaml, that does not run.
func still(t *testing.T) (string, *Watcher) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "a.yaml")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := New(Options{
		Dirs: []string{dir}, Relevant: func(name string) bool { return strings.HasSuffix(name, ".yaml") },
		Quiet: 20 * time.Millisecond, Max: 200 * time.Millisecond, Rescan: time.Hour, Disk: disk.New(disk.Options{Timeout: time.Minute}), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return file, w
}

// start runs a watcher until the test ends.
func start(t *testing.T, w *Watcher) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// told waits for a change that settles a path, and returns it.
func told(t *testing.T, w *Watcher, path string) Change {
	t.Helper()
	end := time.After(10 * time.Second)
	for {
		select {
		case c := <-w.Changes():
			if slices.Contains(c.Settled, path) {
				return c
			}
		case <-end:
			t.Fatalf("%s was not told", path)
		}
	}
}

// TestTheEndOfAnUnseenWriterIsFound holds for a closing that no event told.
func TestTheEndOfAnUnseenWriterIsFound(t *testing.T) {
	file, w := still(t)
	w.events.ask(func(ws *writers) { ws.modified(file, time.Now()) })
	start(t, w)
	told(t, w, file)
	if got := w.Writing(); len(got) > 0 {
		t.Errorf("writing: %v", got)
	}
}

// TestAWriterCountsBeforeItsEventIsTaken holds for one of whom only the mark is known yet.
func TestAWriterCountsBeforeItsEventIsTaken(t *testing.T) {
	file, w := still(t)
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	w.events.ask(func(ws *writers) { ws.modified(file, time.Now()) })
	start(t, w)
	other := filepath.Join(filepath.Dir(file), "b.yaml")
	if err := os.WriteFile(other, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c := told(t, w, other); !slices.Equal(c.Unsettled, []string{file}) {
		t.Errorf("unsettled: %v, want %s", c.Unsettled, file)
	}
}

// TestAMarkIsJudged holds for what the system may say of a file whose writer is waited for,
// before and after the long rest.
func TestAMarkIsJudged(t *testing.T) {
	file, w := still(t)
	defer w.events.close()
	for name, c := range map[string]struct {
		writer disk.Writer
		err    error
		// early and late say whether the mark stands, before and after the long rest.
		early, late bool
	}{
		"a writer":           {disk.WriterPresent, nil, true, true},
		"none":               {disk.WriterAbsent, nil, false, false},
		"missing":            {disk.WriterUnknown, fs.ErrNotExist, false, false},
		"cannot be asked":    {disk.WriterUnknown, nil, true, false},
		"a lease of another": {disk.WriterUnknown, disk.ErrBusy, true, false},
		"does not answer":    {disk.WriterUnknown, disk.ErrStuck, true, false},
		"not readable":       {disk.WriterUnknown, errors.New("permission denied"), true, false},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Now()
			w.events.ask(func(ws *writers) { ws.modified(file, now) })
			if w.judge(file, c.writer, c.err, now.Add(59*time.Second)); w.open(file) != c.early {
				t.Errorf("after 59 s: %v, want %v", w.open(file), c.early)
			}
			if w.judge(file, c.writer, c.err, now.Add(61*time.Second)); w.open(file) != c.late {
				t.Errorf("after 61 s: %v, want %v", w.open(file), c.late)
			}
			w.events.ask(func(ws *writers) { ws.finished(file) })

			// One that was written out of sight needs less rest.
			w.events.ask(func(ws *writers) { ws.unknown(file, now, now, 10*time.Second) })
			if w.judge(file, c.writer, c.err, now.Add(9*time.Second)); w.open(file) != c.early {
				t.Errorf("out of sight, after 9 s: %v, want %v", w.open(file), c.early)
			}
			if w.judge(file, c.writer, c.err, now.Add(11*time.Second)); w.open(file) != c.late {
				t.Errorf("out of sight, after 11 s: %v, want %v", w.open(file), c.late)
			}
			w.events.ask(func(ws *writers) { ws.finished(file) })
		})
	}
}

// TestOverflow makes more events than are kept while nobody takes them. The writer that still
// has its file open then is seen, although its last events were lost and so was its mark.
func TestOverflow(t *testing.T) {
	file, w := still(t)
	dir := filepath.Dir(file)
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil { // it is in motion when the others are lost
		t.Fatal(err)
	}
	var logs [2]*os.File
	for i := range logs {
		var err error
		if logs[i], err = os.Create(filepath.Join(dir, fmt.Sprintf("log%d", i))); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = logs[i].Close() }()
	}
	for i := range 2 * maxQueued { // by turns, since the same again is the same event
		if _, err := logs[i%2].WriteString("x"); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("half"); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "b.yaml")
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w.events.ask(func(ws *writers) { ws.finished(file) })
	w.events.mu.Lock()
	if !w.events.lost || len(w.events.queue) != maxQueued {
		t.Errorf("lost %v, %d queued, want the bound of %d", w.events.lost, len(w.events.queue), maxQueued)
	}
	w.events.mu.Unlock()
	start(t, w)
	if c := told(t, w, other); !slices.Equal(c.Unsettled, []string{file}) {
		t.Errorf("unsettled: %v, want the one that is being written", c.Unsettled)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	told(t, w, file)
}

// TestAnEventThatComesBeforeItsWatchIsKept holds for what happens between the adding of a
// watch and the noting of it.
func TestAnEventThatComesBeforeItsWatchIsKept(t *testing.T) {
	file, w := still(t)
	defer w.events.close()
	w.events.mu.Lock()
	defer w.events.mu.Unlock()
	for range 2 * maxEarly {
		w.events.handle(raw{wd: 999, mask: 0x2, name: "b.yaml"}, time.Now())
	}
	if len(w.events.early) > maxEarly {
		t.Errorf("%d are kept, want at most %d", len(w.events.early), maxEarly)
	}
	w.events.note(filepath.Join(filepath.Dir(file), "new"), 999, all)
	if _, ok := w.events.writers.marks[filepath.Join(filepath.Dir(file), "new", "b.yaml")]; !ok {
		t.Errorf("marked: %v", w.events.writers.marks)
	}
}

// TestAChangeThatWaitsBeganWithItsFirstSign holds that what is told before the reader has taken the last change counts from that
// one's first sign on.
func TestAChangeThatWaitsBeganWithItsFirstSign(t *testing.T) {
	file, w := still(t)
	began := time.Now()
	w.tell(Change{Settled: []string{file}, Since: began})
	w.tell(Change{Settled: []string{file + "2"}, Since: began.Add(time.Minute)})
	if c := <-w.Changes(); !c.Since.Equal(began) || len(c.Settled) != 2 {
		t.Errorf("%+v, want both, since %v", c, began)
	}
	start(t, w) // so that it ends
}
