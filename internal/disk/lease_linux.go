package disk

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// lease is a read lease on a file. The kernel refuses it while anyone has the file open for
// writing, under whatever name, and breaks it when somebody opens it: whoever holds it to the
// end knows that there was no writer. It says so with SIGIO, which Go takes and passes by.
type lease struct {
	file *os.File
	held bool
	// writer is what is known without it, or since it was given back: nothing, for a lease that
	// was not asked for.
	writer Writer
}

// hold asks for a lease. Files of others need CAP_LEASE, and some file systems have none.
func hold(f *os.File) *lease {
	_, err := fcntl(f, unix.F_SETLEASE, unix.F_RDLCK)
	switch {
	case err == nil:
		return &lease{file: f, held: true}
	case errors.Is(err, unix.EAGAIN):
		return &lease{writer: WriterPresent}
	default:
		return &lease{writer: WriterUnknown}
	}
}

// yield gives the lease back when a writer waits for it.
func (l *lease) yield() {
	if !l.held {
		return
	}
	if kind, err := fcntl(l.file, unix.F_GETLEASE, 0); err == nil && kind == unix.F_RDLCK {
		return
	}
	l.writer = WriterPresent
	l.giveBack()
}

// release gives the lease back and says whether there was a writer since it was asked for.
func (l *lease) release() Writer {
	l.yield()
	if l.held {
		l.writer = WriterAbsent
		l.giveBack()
	}
	return l.writer
}

func (l *lease) giveBack() {
	l.held = false
	_, _ = fcntl(l.file, unix.F_SETLEASE, unix.F_UNLCK) // closing the file does it as well
}

func fcntl(f *os.File, cmd, arg int) (int, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	var out int
	var errno error
	if err := raw.Control(func(fd uintptr) { out, errno = unix.FcntlInt(fd, cmd, arg) }); err != nil {
		return 0, err
	}
	return out, errno
}
