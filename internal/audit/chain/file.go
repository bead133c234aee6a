package chain

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/DeRuina/timberjack"

	"github.com/portreeve/portreeve/internal/audit"
)

// neverBySize keeps the library from rotating by itself, in megabytes: a file is rotated between two lines, and its name
// says which lines are in it.
const neverBySize = 1 << 20

// chunk bounds the bytes that are written and synced at one time.
const chunk = 4 << 20

// file is the file that is written. One goroutine uses it at a time.
type file struct {
	names   names
	options Options
	logger  *timberjack.Logger
	// size is how long it is, up to the last line that is synced; first and last are its lines.
	size        int64
	first, last uint64
	began       time.Time
	// dirty is that there may be more in it than size says.
	dirty bool
	// is tells it from another file at the same place.
	is fs.FileInfo
}

func newFile(n names, o Options, e end) *file {
	return &file{names: n, options: o, size: e.size, first: e.first, last: e.last, began: e.began}
}

// write appends lines, as many as there is room for in one file, and syncs them. After an error nothing of them is there.
func (f *file) write(lines []audit.Line) (int, error) {
	if err := f.begin(len(lines[0].Bytes) + 1); err != nil {
		return 0, err
	}
	size := 0
	for _, l := range lines {
		size += len(l.Bytes) + 1
	}
	text := make([]byte, 0, min(size, chunk+audit.MaxLine))
	n := 0
	for n < len(lines) && (n == 0 || f.fits(len(text)+len(lines[n].Bytes)+1) && len(text) < chunk) {
		text = append(append(text, lines[n].Bytes...), '\n')
		n++
	}
	if err := f.append(text); err != nil {
		return 0, err
	}
	if f.first == 0 {
		f.first, f.began = lines[0].Seq, f.options.Now()
	}
	f.size, f.last = f.size+int64(len(text)), lines[n-1].Seq
	return n, nil
}

func (f *file) fits(more int) bool { return f.size+int64(more) <= f.options.MaxSize }

// begin has a file to which so much can be written: the one that is there, or, where that is full or old, a new one.
func (f *file) begin(more int) error {
	if err := f.clean(); err != nil {
		return err
	}
	if f.logger == nil {
		if err := f.openable(); err != nil {
			return err
		}
		f.logger = &timberjack.Logger{Filename: f.names.path, MaxSize: neverBySize, FileMode: 0o600, Compression: "none"}
	}
	if f.first == 0 || f.fits(more) && f.options.Now().Sub(f.began) < f.options.RotateEvery {
		return nil
	}
	return f.rotate()
}

// rotate gives the file a name that says which lines are in it, and begins a new one.
func (f *file) rotate() error {
	if err := f.logger.RotateWithReason(fmt.Sprintf("%d_%d", f.first, f.last)); err != nil {
		return errors.Join(fmt.Errorf("rotate: %w", err), f.close())
	}
	f.size, f.first, f.last, f.is = 0, 0, 0, nil
	return syncDir(f.names.dir)
}

// append writes and syncs. After an error the file is opened anew for the next time, and what was written of it is cut off:
// it is not known how much of it would outlive a crash.
func (f *file) append(text []byte) error {
	if err := f.check(0); err != nil {
		return errors.Join(err, f.close())
	}
	_, err := f.logger.Write(text)
	if err == nil {
		err = f.logger.Sync()
	}
	if err == nil {
		err = f.check(int64(len(text)))
	}
	if err != nil {
		f.dirty = true
		return errors.Join(err, f.close(), f.clean())
	}
	return nil
}

// openable says whether the file can be opened where it is there. The library would put one that it cannot open out of its
// way, where nobody takes it for a part of the record.
func (f *file) openable() error {
	opened, err := os.OpenFile(f.names.path, os.O_WRONLY|os.O_APPEND|syscall.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	return opened.Close()
}

// clean cuts off what was not written whole.
func (f *file) clean() error {
	if !f.dirty {
		return nil
	}
	switch err := os.Truncate(f.names.path, f.size); {
	case errors.Is(err, fs.ErrNotExist):
		f.forget()
	case err != nil:
		return err
	}
	f.dirty = false
	return nil
}

// check says, before something is written and after it, whether the file is as it was left. Somebody may have moved it, or
// removed or cut it; then lines are gone, and whoever verifies the record sees that. What comes from now on is kept.
func (f *file) check(wrote int64) error {
	is, err := os.Stat(f.names.path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && f.is == nil && f.size+wrote == 0:
		return nil // it is about to be made
	case err != nil:
		f.forget()
		return fmt.Errorf("the file is gone: %w", err)
	case !is.Mode().IsRegular():
		f.forget()
		return errors.New("something else than a file is in its place")
	case f.is != nil && !os.SameFile(f.is, is), is.Size() != f.size+wrote:
		f.forget()
		f.size = is.Size()
		return errors.New("the file is not as it was written: somebody else has replaced it or has written to it")
	}
	if f.is == nil && wrote > 0 {
		f.is = is
		return syncDir(f.names.dir)
	}
	return nil
}

// forget takes what is there for a new file.
func (f *file) forget() { f.size, f.first, f.last, f.is = 0, 0, 0, nil }

// close closes the file.
func (f *file) close() error {
	if f.logger == nil {
		return nil
	}
	err := f.logger.Close()
	f.logger, f.is = nil, nil
	return err
}
