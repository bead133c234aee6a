package watch

import (
	"encoding/binary"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// maxQueued bounds the events that nobody has taken yet, as the kernel bounds its own.
const maxQueued = 16384

// maxEarly bounds the events of watches whose making has not been noted yet.
const maxEarly = 256

// raw is an event as the kernel tells it.
type raw struct {
	wd     int
	mask   uint32
	cookie uint32
	name   string
}

// origin is where a rename came from.
type origin struct {
	cookie uint32
	op     op
}

// decode splits what was read into events.
func decode(b []byte) []raw {
	var out []raw
	for len(b) >= unix.SizeofInotifyEvent {
		n := int(binary.NativeEndian.Uint32(b[12:]))
		name := b[unix.SizeofInotifyEvent : unix.SizeofInotifyEvent+n]
		out = append(out, raw{
			wd:   int(int32(binary.NativeEndian.Uint32(b))),
			mask: binary.NativeEndian.Uint32(b[4:]), cookie: binary.NativeEndian.Uint32(b[8:]),
			name: strings.TrimRight(string(name), "\x00"),
		})
		b = b[unix.SizeofInotifyEvent+n:]
	}
	return out
}

// push queues an event. What happens to a file from its creation to its closing is one.
func (e *events) push(ev event) {
	const life = created | written | closed | changed
	switch n := len(e.queue); {
	case n > 0 && e.queue[n-1].path == ev.path && (e.queue[n-1].op|ev.op)&^life == 0:
		e.queue[n-1].op |= ev.op
	case n >= maxQueued:
		e.lost = true
	default:
		e.queue = append(e.queue, ev)
	}
}

// handle takes in one event.
func (e *events) handle(r raw, now time.Time) {
	if r.mask&unix.IN_Q_OVERFLOW != 0 {
		e.lost = true
		return
	}
	in := e.watches[r.wd]
	if in == nil {
		if r.mask&unix.IN_IGNORED == 0 {
			e.early = append(e.early, r)
			e.early = e.early[max(0, len(e.early)-maxEarly):]
		}
		return
	}
	for _, path := range append([]string(nil), in.paths...) {
		switch {
		case r.name != "":
			e.named(in, filepath.Join(path, r.name), r, now)
		case r.mask&unix.IN_ISDIR == 0 && r.mask&(unix.IN_MODIFY|unix.IN_CLOSE_WRITE) != 0:
			e.named(in, path, r, now)
		default:
			e.self(in, path, r)
		}
	}
}

// named takes in what happened to a file, or to a name in a directory.
func (e *events) named(in *inode, path string, r raw, now time.Time) {
	has := func(bits uint32) bool { return r.mask&bits != 0 }
	switch {
	case has(unix.IN_MODIFY):
		if dropped := e.writers.modified(path, now); dropped != "" {
			e.push(event{dropped, givenUp})
		}
		e.push(event{path, written})
	case has(unix.IN_CLOSE_WRITE):
		e.writers.closed(path, now)
		e.push(event{path, closed})
	case has(unix.IN_MOVED_FROM):
		o := slipped
		if in.extent == all {
			o = renamed
		}
		e.from = append(e.from, origin{r.cookie, o})
		e.from = e.from[max(0, len(e.from)-16):]
		e.writers.movedFrom(r.cookie, path)
		e.forget(path)
		e.push(event{path, removed})
	case has(unix.IN_MOVED_TO):
		o := created | moved
		for _, from := range e.from {
			if from.cookie == r.cookie {
				o |= from.op
			}
		}
		e.writers.movedTo(r.cookie, path)
		e.forget(path)
		e.push(event{path, o})
	case has(unix.IN_CREATE):
		e.push(event{path, created})
	case has(unix.IN_DELETE):
		e.writers.finished(path)
		e.forget(path)
		e.push(event{path, removed})
	case has(unix.IN_ATTRIB):
		e.push(event{path, changed})
	}
}

// self takes in what happened to what is watched itself. What is on its way, or another
// there now, is found by looking.
func (e *events) self(in *inode, path string, r raw) {
	switch {
	case r.mask&(unix.IN_IGNORED|unix.IN_MOVE_SELF) != 0:
		if in.extent != content {
			e.writers.take(path)
		}
		e.forget(path)
		e.push(event{path, unseen})
	case in.extent == content, r.mask&unix.IN_DELETE_SELF != 0:
		e.push(event{path, unseen})
	case r.mask&unix.IN_ATTRIB != 0:
		e.push(event{path, changed})
	}
}
