package disk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// Writer says whether somebody had a file open for writing while it was read.
type Writer int

const (
	// WriterUnknown says that the system could not be asked: the file is another user's, or its
	// file system or the platform knows no leases, or does not know of all its writers.
	WriterUnknown Writer = iota
	// WriterAbsent says that nobody had the file open for writing from before the first to
	// after the last byte was read: what was read is complete.
	WriterAbsent
	// WriterPresent says that somebody had it open, or opened it meanwhile.
	WriterPresent
)

// Content is what a file held.
type Content struct {
	Bytes []byte
	// Info is of the file that was opened, from before it was read.
	Info   fs.FileInfo
	Writer Writer
	// Remote says that the file is on a network, FUSE or shared file system, whose writers
	// elsewhere this machine does not see.
	Remote bool
}

// Read reads a regular file of at most limit bytes. Nothing that stands at the path can block
// the open, and a special file is not opened at all.
func (d *Disk) Read(path string, limit int64) (Content, error) {
	return run(d, "read", path, func() (Content, error) { return read(path, limit) })
}

// Ask says who writes to a regular file, without reading it.
func (d *Disk) Ask(path string) (Content, error) {
	return run(d, "ask for writers of", path, func() (Content, error) {
		f, info, err := Open(path)
		if err != nil {
			return Content{}, err
		}
		defer func() { _ = f.Close() }()
		c := Content{Info: info, Remote: remoteFile(f)}
		c.Writer = c.hold(f).release()
		return c, nil
	})
}

// Remote reports whether a path is on a file system whose writers elsewhere this machine does
// not see.
func (d *Disk) Remote(path string) (bool, error) {
	return run(d, "ask for the file system of", path, func() (bool, error) { return remotePath(path) })
}

func read(path string, limit int64) (Content, error) {
	f, info, err := Open(path)
	if err != nil {
		return Content{}, err
	}
	defer func() { _ = f.Close() }()
	if info.Size() > limit {
		return Content{}, tooLarge(path, info.Size(), limit)
	}
	c := Content{Info: info, Remote: remoteFile(f)}
	lease := c.hold(f)
	c.Bytes, err = readAll(f, info.Size(), limit, lease)
	after, statErr := f.Stat()
	c.Writer = lease.release()
	switch {
	case err != nil:
		return Content{}, err
	case statErr != nil:
		return Content{}, statErr
	case int64(len(c.Bytes)) > limit:
		return Content{}, tooLarge(path, max(after.Size(), limit+1), limit)
	case c.Writer == WriterAbsent && (after.Size() != info.Size() || int64(len(c.Bytes)) != info.Size()):
		// What changes a file without opening it is a writer too.
		c.Writer = WriterPresent
	}
	return c, nil
}

// hold asks for a lease, unless the file is remote: it would be granted by this kernel, which
// knows nothing of the others' writers.
func (c Content) hold(f *os.File) *lease {
	if c.Remote {
		return &lease{}
	}
	return hold(f)
}

func tooLarge(path string, size, limit int64) error {
	return &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("%w: it has %d bytes, at most %d are read", ErrTooLarge, size, limit)}
}

// Open opens a regular file for reading, and nothing else: a pipe would block, and a device may do something. The disk may still
// hang: it is for what runs within Do.
func Open(path string) (*os.File, fs.FileInfo, error) {
	// Opening a device may do something, so it is looked at first; what is opened counts.
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if err := regular(path, info); err != nil {
		return nil, nil, err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, nil, &fs.PathError{Op: "open", Path: path, Err: ErrBusy}
	}
	if err != nil {
		return nil, nil, err
	}
	if info, err = f.Stat(); err == nil {
		err = regular(path, info)
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, info, nil
}

func regular(path string, info fs.FileInfo) error {
	what := ""
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		what = "a directory"
	case mode&fs.ModeNamedPipe != 0:
		what = "a named pipe"
	case mode&fs.ModeSocket != 0:
		what = "a socket"
	case mode&fs.ModeDevice != 0:
		what = "a device"
	default:
		what = "a special file"
	}
	return &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("%w: it is %s", ErrNotRegular, what)}
}

// OpenDir opens a directory, and nothing else. It may block, as Open.
func OpenDir(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NONBLOCK, 0)
}

// chunk is how much is read between two looks at the lease, so that a writer that has come
// does not wait for a slow disk.
const chunk = 256 << 10

// readAll reads up to one byte more than limit, however the file grows.
func readAll(f io.Reader, size, limit int64, l *lease) ([]byte, error) {
	var out bytes.Buffer
	out.Grow(int(min(size, limit)) + bytes.MinRead)
	rest := io.LimitReader(f, limit+1)
	for {
		n, err := io.CopyN(&out, rest, chunk)
		if n < chunk && (err == nil || errors.Is(err, io.EOF)) {
			return bytes.Clone(out.Bytes()), nil // without the room that was left to grow: it is kept
		}
		if err != nil {
			return nil, err
		}
		l.yield()
	}
}
