package chain

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
)

// mill compresses rotated files and removes old ones, on a goroutine of its own.
type mill struct {
	names    names
	options  Options
	prunable func(Pruned)
	wake     chan struct{}
	ctx      context.Context
	cancel   context.CancelFunc
	done     chan struct{}

	mu sync.Mutex
	// upTo is the last line that may be removed: the record says so, on disk.
	upTo uint64
}

// startMill starts a mill, which tells what may be removed and waits until it is told to.
func startMill(n names, o Options, prunable func(Pruned)) *mill {
	m := &mill{names: n, options: o, prunable: prunable, wake: make(chan struct{}, 1), done: make(chan struct{})}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	m.poke()
	go m.run()
	return m
}

func (m *mill) poke() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// remove removes the files whose lines end with this one, or before.
func (m *mill) remove(upTo uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.upTo = max(m.upTo, upTo)
	m.poke()
}

// stop ends the mill, in the midst of a file: what is not whole is made anew next time.
func (m *mill) stop() error {
	m.cancel()
	<-m.done
	return nil
}

func (m *mill) run() {
	defer close(m.done)
	for {
		select {
		case <-m.ctx.Done():
			return
		case <-m.wake:
		}
		if err := m.grind(); err != nil && m.ctx.Err() == nil {
			m.options.Logger.Warn("old files of the audit record cannot be compressed or removed now", "file", m.names.path, "reason", err)
		}
	}
}

// grind looks once at all rotated files.
func (m *mill) grind() error {
	all, err := m.names.rotated()
	if err != nil {
		return err
	}
	m.mu.Lock()
	upTo := m.upTo
	m.mu.Unlock()
	var errs []error
	for len(all) > 0 && all[0].last <= upTo {
		errs = append(errs, all[0].remove())
		all = all[1:]
	}
	for _, r := range all {
		if r.plain && m.ctx.Err() == nil {
			errs = append(errs, m.compress(r))
		}
	}
	return errors.Join(append(errs, m.retain(all))...)
}

// remove removes a file in all its forms.
func (r rotated) remove() error {
	var errs []error
	for _, path := range []string{r.path + compressed + unfinished, r.path, r.path + compressed} {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// retain tells of the files that are more, or older, than are kept. They go when the record says so.
func (m *mill) retain(all []rotated) error {
	old := 0
	if keep := m.options.KeepFiles; keep > 0 {
		old = max(0, len(all)-keep)
	}
	for keep := m.options.KeepFor; keep > 0 && old < len(all) && m.options.Now().Sub(all[old].at) > keep; {
		old++
	}
	if old == 0 {
		return nil
	}
	l, err := openLines(all[old-1].reading())
	if err != nil {
		return err
	}
	s, err := l.scan()
	if err = errors.Join(err, l.close()); err != nil {
		return err
	}
	m.prunable(Pruned{UpTo: all[old-1].last, Hash: s.last.Hash, Files: old})
	return nil
}

// compress puts a compressed file in place of one that is rotated. The file goes only when the other one is whole and on
// disk, so after a crash or a power cut there is always one of both that is whole.
func (m *mill) compress(r rotated) error {
	from, err := openRegular(r.path)
	if err != nil {
		return err
	}
	defer from.Close()
	path := r.path + compressed + unfinished
	to, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = m.squeeze(to, from)
	if err == nil {
		err = to.Sync()
	}
	if err = errors.Join(err, to.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	if err := os.Rename(path, r.path+compressed); err != nil {
		return err
	}
	if err := syncDir(m.names.dir); err != nil {
		return err
	}
	return os.Remove(r.path)
}

func (m *mill) squeeze(to io.Writer, from io.Reader) error {
	zip := gzip.NewWriter(to)
	if _, err := io.Copy(zip, stoppable{m.ctx, from}); err != nil {
		return err
	}
	return zip.Close()
}

// stoppable reads until a context ends.
type stoppable struct {
	ctx  context.Context
	from io.Reader
}

func (s stoppable) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.from.Read(p)
}

// tidy removes what a crash in the midst of compressing has left: what is not whole, and what stands beside its original.
func (n names) tidy() error {
	all, err := n.rotated()
	if err != nil {
		return err
	}
	for _, r := range all {
		if r.plain && r.gz {
			err = errors.Join(err, os.Remove(r.path+compressed))
		}
	}
	d, openErr := os.Open(n.dir)
	if openErr != nil {
		return errors.Join(err, openErr)
	}
	defer d.Close()
	entries, readErr := d.Readdirnames(-1)
	for _, name := range entries {
		if of, ok := strings.CutSuffix(name, compressed+unfinished); ok {
			if r, ok := n.parse(of); ok {
				err = errors.Join(err, os.Remove(r.path+compressed+unfinished))
			}
		}
	}
	return errors.Join(err, readErr)
}
