package watch

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"github.com/portreeve/portreeve/internal/disk"
)

// atOnce bounds the marks that are looked into at one time. Of those that do not answer the disk
// asks few, and refuses the others at once.
const atOnce = 256

// lookInto asks whether writers that are waited for still exist, and whether what did not
// answer does so now.
func (w *Watcher) lookInto(now time.Time) {
	var due []string
	w.events.ask(func(ws *writers) {
		ws.sweep(now.Add(-w.options.Abandon))
		due = ws.due(now.Add(-min(lookInto, w.options.Abandon/2)), now, atOnce)
	})
	for _, path := range due {
		if w.ended() {
			return
		}
		c, err := w.ask(path)
		w.judge(path, c.Writer, err, now)
	}
	stuck := w.options.Disk.Stuck()
	for _, path := range w.stuck {
		if !slices.Contains(stuck, path) {
			w.soon(now)
			if path = filepath.Clean(path); w.counts(path) {
				w.touch(path, now, w.look(path))
			}
		}
	}
	w.stuck = stuck
}

// judge ends the mark of a file whose writer is gone: its closing was not seen. One that cannot
// be asked for is given up after a long rest, lest the file be frozen for good.
func (w *Watcher) judge(path string, writer disk.Writer, err error, now time.Time) {
	unknown := !errors.Is(err, fs.ErrNotExist) && (err != nil || writer == disk.WriterUnknown)
	ended, rest := false, time.Duration(0)
	w.events.ask(func(ws *writers) {
		m, ok := ws.marks[path]
		rest = w.options.Abandon
		if m.rest > 0 {
			rest = m.rest
		}
		stands := writer == disk.WriterPresent || unknown && now.Sub(m.modified) < rest
		if ended = ok && !stands && !m.modified.After(now); ended {
			ws.finished(path)
		}
	})
	if !ended {
		return
	}
	if unknown {
		w.options.Logger.Warn("a file was not seen closed by its writer, and is taken for finished after a long rest", "file", path, "rest", rest)
	}
	w.touch(path, now, w.look(path))
}
