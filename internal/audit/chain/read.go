package chain

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
)

// Read goes through the lines of a record, over rotated files, from its first to its last. It checks each line, not the
// chain: Verify does. An error comes with the file and line that it is about, and is the last; half a line at the end is
// where the record ends.
func Read(file string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		n, err := namesOf(file)
		var last uint64
		unread := func(e Entry, err error) bool {
			if err == nil && e.Seq <= last { // the files changed, and it was given already
				return true
			}
			last = e.Seq
			return yield(e, err)
		}
		for tries := 0; err == nil || errors.Is(err, errChanged) && tries < verifyTries; tries++ {
			if err = eachFile(n, 0, func(l *lines, _ rotated) error { return l.each(unread) }); err == nil {
				return
			}
		}
		if !errors.Is(err, errStop) {
			yield(Entry{File: file}, err)
		}
	}
}

// writtenWithin is how often is waited for the end of the last line: a fifth of a second in all. A line that is being written is
// whole then.
const writtenWithin = 10

// each gives the lines of one file.
func (l *lines) each(yield func(Entry, error) bool) error {
	for {
		e, err := l.entry()
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, errCut):
			return nil
		case err != nil:
			yield(Entry{File: l.path, Line: l.number}, err)
			return errStop
		case !yield(e, nil):
			return errStop
		}
	}
}

// eachFile opens the files of a record in order: those that are rotated, then the one that is written. It is errChanged
// where they became others meanwhile. For the end of the last line is waited so many times.
func eachFile(n names, tries int, do func(*lines, rotated) error) error {
	current, err := openRegular(n.path) // before the others are listed: it may be rotated at any time
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if current != nil {
		defer current.Close()
	}
	all, err := n.beside(current)
	if err != nil {
		return err
	}
	if current == nil && len(all) == 0 {
		return &fs.PathError{Op: "read audit record", Path: n.path, Err: fs.ErrNotExist}
	}
	for _, r := range all {
		if err := oneFile(r, do); err != nil {
			return err
		}
	}
	if current == nil {
		return nil
	}
	l, err := linesOf(current, n.path)
	if err != nil {
		return err
	}
	l.tries = tries
	return do(l, rotated{})
}

// beside returns the rotated files beside the one that is written. It is errChanged where that was rotated after it was opened: then it
// is one of them, perhaps compressed already, and its lines would be read twice.
func (n names) beside(current *os.File) ([]rotated, error) {
	all, err := n.rotated()
	if err == nil && current != nil && !sameFile(current, n.path) {
		return nil, errChanged
	}
	return all, err
}

func oneFile(r rotated, do func(*lines, rotated) error) error {
	l, err := openLines(r.reading())
	switch {
	case errors.Is(err, fs.ErrNotExist): // compressed just now, or removed
		return errChanged
	case errors.Is(err, errCompressed): // whoever reads it is told
		broken := &lines{path: r.reading(), reader: bufio.NewReader(failing{err})}
		return do(broken, r)
	case err != nil:
		return err
	}
	return errors.Join(do(l, r), l.close())
}

// failing is a file of which nothing can be read.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// sameFile reports whether an open file is the one at a path.
func sameFile(f *os.File, path string) bool {
	a, err := f.Stat()
	if err != nil {
		return false
	}
	b, err := os.Stat(path)
	return err == nil && os.SameFile(a, b)
}
