package watch

import (
	"context"
	"io/fs"
	"slices"
	"time"
)

// lookInto is how often marks of open writers, and paths that do not answer, are looked into.
const lookInto = time.Second

// Run watches until ctx ends.
func (w *Watcher) Run(ctx context.Context) error {
	defer w.events.close()
	w.ended = func() bool { return ctx.Err() != nil }
	rescan, into := time.NewTicker(w.options.Rescan), time.NewTicker(min(lookInto, w.options.Abandon/2))
	defer rescan.Stop()
	defer into.Stop()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(w.sleep(time.Now()))
		select {
		case <-ctx.Done():
			return nil
		case <-w.events.ready:
			w.take()
		case <-w.events.mounted:
			w.soon(time.Now())
		case <-rescan.C:
			w.take() // what events tell is not to be found
			w.rescan(time.Now())
		case <-into.C:
			w.lookInto(time.Now())
		case <-timer.C:
			w.check()
		}
	}
}

// sleep returns how long nothing is due.
func (w *Watcher) sleep(now time.Time) time.Duration {
	due := w.settling.due(w.open)
	if due.IsZero() || !w.again.IsZero() && w.again.Before(due) {
		due = w.again
	}
	if due.IsZero() {
		return time.Hour
	}
	return max(due.Sub(now), time.Millisecond)
}

// take takes in what has happened.
func (w *Watcher) take() {
	queue, lost := w.events.take()
	for _, e := range queue {
		if w.ended() {
			return
		}
		w.event(e, time.Now())
	}
	if lost {
		w.options.Logger.Warn("events were lost, looking through the directories")
		w.recheck(time.Now())
	}
}

// check does what is due.
func (w *Watcher) check() {
	w.take() // whatever has happened until now counts
	now := time.Now()
	if !w.again.IsZero() && !now.Before(w.again) {
		w.rescan(now)
	}
	if due := w.settling.due(w.open); due.IsZero() || now.Before(due) {
		return
	}
	since := w.settling.since()
	if tell, settled, _ := w.settling.check(now, w.look, w.open); tell {
		w.tell(Change{Settled: settled, Since: since})
	}
}

// event takes one event. What is not below a watched directory, or not relevant, is none.
func (w *Watcher) event(e event, now time.Time) {
	if e.has(unseen) {
		w.soon(now)
	}
	if e.op == unseen || !w.concerns(e) {
		return
	}
	if w.settling.free(e.path) && w.inPlace(e, now) {
		w.settling.forget(e.path)
		w.tell(Change{Settled: []string{e.path}, Complete: []string{e.path}, At: now, Since: now})
		return
	}
	sign := w.look(e.path)
	switch {
	case e.op == changed && sign == w.tree[e.path]:
		return
	case e.has(created):
		w.appeared(e.path, sign, now)
	case e.has(removed) && w.tree[e.path].mode.IsDir():
		w.vanished(e.path, now)
	}
	if e.has(givenUp) {
		w.settling.hold(e.path, now, sign, w.options.Abandon)
		return
	}
	if e.has(closed) && w.open(e.path) {
		c, err := w.ask(e.path)
		w.judge(e.path, c.Writer, err, time.Now())
	}
	if w.strange(e) {
		w.suspect(e.path, sign, now)
	}
	w.touch(e.path, now, sign)
}

// inPlace reports whether the event is a rename onto a name inside the watched
// directories: the file was written under another name there, and is complete where its
// writer has closed it. A creation tells nothing of that; a rename from a directory that is not
// watched looks like one, and waits, unless it is of a symlink. Being wrong the other way would
// read half a file.
func (w *Watcher) inPlace(e event, now time.Time) bool {
	if !e.has(renamed|slipped) || w.open(e.path) {
		return false
	}
	kind, err := w.kind(e.path)
	if err == nil && kind == fs.ModeSymlink {
		w.adopt(e.path, now)
		return true
	}
	return err == nil && kind != fs.ModeDir && e.has(renamed)
}

// tell hands a change to the reader. One that still waits there is replaced: the reader
// reads everything anyway, and what is unsettled now is what counts.
func (w *Watcher) tell(c Change) {
	select {
	case waiting := <-w.changes:
		c.Settled = append(c.Settled, waiting.Settled...)
		c.Complete = append(c.Complete, waiting.Complete...)
		if !waiting.At.IsZero() {
			c.At = waiting.At // the earlier: whatever was written since counts as in motion
		}
		c.Since = waiting.Since
	default:
	}
	// Before the reader is told: what changes after this look is found by the next rescan.
	for _, path := range c.Settled {
		w.record(path)
	}
	c.Unsettled = append(w.settling.unsettled(), w.Writing()...)
	slices.Sort(c.Unsettled)
	c.Unsettled = slices.Compact(c.Unsettled)
	w.changes <- c
}
