package sink

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"github.com/portreeve/portreeve/internal/state"
)

const (
	// diskPatience is how long somebody waits for the disk.
	diskPatience = 5 * time.Second
	// tidyAfter is how long what was delivered stays on disk, so that many removals are one transaction.
	tidyAfter = time.Second
	// retryAfter is how long after a failure the disk is tried again, where nothing comes that tries it before.
	retryAfter = 5 * time.Second
)

// errStuck says that the disk of the spool has not answered.
var errStuck = errors.New("the disk of the spool does not answer")

// writer brings queues to disk. It alone waits for that disk: where it hangs, the writer does, and queues go on in memory.
type writer struct {
	store  *store
	queues map[string]*queue
	now    func() time.Time
	logger *slog.Logger
	// lost is told how many entries of a sink are lost with the spool.
	lost func(sink string, count int, reason reason)

	// wanted has a token where somebody waits, tidy where something was delivered.
	wanted, tidy chan struct{}
	stop, done   chan struct{}

	mu      sync.Mutex
	waiting []chan error
	// since is when the transaction began that is under way.
	since time.Time
	// failing is what the disk said last, where it took nothing.
	failing error
}

func newWriter(path string, queues map[string]*queue) *writer {
	return &writer{
		store: &store{path: path}, queues: queues,
		wanted: make(chan struct{}, 1), tidy: make(chan struct{}, 1),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
}

// run writes until stop is closed, and then once more.
func (w *writer) run() {
	defer close(w.done)
	var again <-chan time.Time
	for ending := false; !ending; {
		select {
		case <-w.wanted:
		case <-w.tidy:
			if again == nil {
				again = time.After(tidyAfter)
			}
			continue
		case <-again:
		case <-w.stop:
			ending = true
		}
		again = nil
		if w.flush() != nil {
			again = time.After(retryAfter)
		}
	}
	if err := w.store.close(); err != nil {
		w.logger.Warn("close the spool of the record", "error", err)
	}
}

// flush tells the disk all that it has to be told, and tells those that wait of it.
func (w *writer) flush() error {
	w.mu.Lock()
	waiting := w.waiting
	w.waiting, w.since = nil, w.now()
	w.mu.Unlock()
	err := w.all()
	w.mu.Lock()
	w.since = time.Time{}
	before := w.failing
	w.failing = err
	w.mu.Unlock()
	w.log(before, err)
	for _, c := range waiting {
		c <- err
	}
	return err
}

// log says once that the disk takes nothing, and once that it does again.
func (w *writer) log(before, err error) {
	switch {
	case err != nil && before == nil:
		w.logger.Error("the spool of the record takes nothing; what is not delivered is kept in memory, within bounds", "spool", w.store.path, "error", err)
	case err == nil && before != nil:
		w.logger.Info("the spool of the record takes events again", "spool", w.store.path)
	}
}

// all writes until nothing is left to write.
func (w *writer) all() error {
	if err := w.ready(); err != nil {
		return err
	}
	for more := true; more; {
		more = false
		var changes []change
		for _, q := range w.queues {
			if c, some := q.unsaved(); some {
				changes = append(changes, c)
			}
		}
		if len(changes) == 0 {
			return nil
		}
		if err := w.store.write(changes); err != nil {
			return err
		}
		for _, c := range changes {
			more = w.queues[c.sink].saved(c) || more
		}
	}
	return nil
}

// ready opens the spool where it is not open, and sets one aside that is not whole.
func (w *writer) ready() error {
	if w.store.isBroken() {
		if err := w.aside(); err != nil {
			return err
		}
	}
	if w.store.isOpen() {
		return nil
	}
	all, err := w.store.open()
	if errors.Is(err, errBroken) {
		if err := w.aside(); err != nil {
			return err
		}
		all, err = w.store.open()
	}
	if err != nil {
		return err
	}
	for name, k := range all {
		switch q := w.queues[name]; {
		case q != nil:
			q.found(k)
		case k.events > 0:
			w.logger.Warn("the spool of the record has events for a sink that --audit-sinks does not have; they stay there", "sink", name, "events", k.events)
		}
	}
	return nil
}

// aside puts a spool that is not whole beside its place. What it had and was not delivered is lost, and said to be.
func (w *writer) aside() error {
	w.store.abandon()
	for name, q := range w.queues {
		if n := q.dropped(); n > 0 {
			w.lost(name, n, brokenSpool)
		}
	}
	to, err := state.SetAside(w.store.path, w.now())
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // somebody may have removed it
		return errors.Join(errBroken, err)
	}
	w.store.mend()
	w.logger.Error("the spool of the record is broken: it was set aside, and what it held is not delivered", "spool", w.store.path, "aside", to)
	return nil
}

// standing returns why the disk takes nothing, or nil.
func (w *writer) standing() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.since.IsZero() && w.now().Sub(w.since) > diskPatience {
		return errStuck
	}
	return w.failing
}

// sync waits until all that is in queues now is on disk. It waits for a bounded time, and not at all for a disk that hangs.
func (w *writer) sync(ctx context.Context) error {
	if err := w.standing(); errors.Is(err, errStuck) {
		return err
	}
	c := make(chan error, 1)
	w.mu.Lock()
	w.waiting = append(w.waiting, c)
	w.mu.Unlock()
	signal(w.wanted)
	patience := time.NewTimer(diskPatience)
	defer patience.Stop()
	select {
	case err := <-c:
		return err
	case <-patience.C:
		return errStuck
	case <-w.done:
		return errNoStore
	case <-ctx.Done():
		return ctx.Err()
	}
}
