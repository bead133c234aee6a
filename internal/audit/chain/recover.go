package chain

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/portreeve/portreeve/internal/audit"
)

// end is where a record was found to end.
type end struct {
	// place is what the next line is chained to.
	place audit.Place
	// size, first, last and began are of the file that is written: up to where, with which lines, and since when.
	size        int64
	first, last uint64
	began       time.Time
	found       []audit.Event
}

// scan is what a file holds.
type scan struct {
	first, last Entry
	// size is up to the end of the last whole line, cut what comes after it, damaged the lines after last that are none.
	size, cut int64
	damaged   uint64
}

// recoverEnd finds the last line of a record, over rotated files, and cuts off half a line behind it. Nothing else is
// changed: what somebody has done to the record stays to be seen.
func recoverEnd(n names, o Options) (end, error) {
	if err := n.tidy(); err != nil {
		return end{}, err
	}
	s, err := scanFile(n.path)
	if err != nil {
		return end{}, err
	}
	var r Recovered
	if s.cut > 0 {
		if err := os.Truncate(n.path, s.size); err != nil {
			return end{}, err
		}
		r.Cut = s.cut
	}
	e := end{size: s.size, first: s.first.Seq, last: s.last.Seq + s.damaged, began: s.first.Time}
	r.Damaged = s.damaged
	e.place = audit.Place{Seq: s.last.Seq + s.damaged, Hash: s.last.Hash}
	if s.last.Seq == 0 {
		before, damaged, err := lastRotated(n)
		if err != nil {
			return end{}, err
		}
		r.Damaged += damaged
		e.place = audit.Place{Seq: before.Seq + r.Damaged, Hash: before.Hash}
	}
	if s.last.Seq == 0 && s.size > 0 { // a file of garbage: it is rotated under the numbers that it seems to have
		e.first, e.last = e.place.Seq+1-s.damaged, e.place.Seq
	}
	e.heed(n, o, &r)
	e.tell(r)
	return e, nil
}

// scanFile reads a file from its beginning. One that is missing is empty.
func scanFile(path string) (scan, error) {
	f, err := openRegular(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return scan{}, nil
	case err != nil:
		return scan{}, err
	}
	info, err := f.Stat()
	if err != nil {
		return scan{}, errors.Join(err, f.Close())
	}
	l, err := linesOf(f, path)
	if err != nil {
		return scan{}, err
	}
	s, err := l.scan()
	s.cut = info.Size() - s.size
	return s, errors.Join(err, l.close())
}

// scan reads to the end. What a file ends with that is no whole line is not counted; what is not as it was written is damaged.
func (l *lines) scan() (scan, error) {
	var s scan
	var last []byte
	for {
		line, err := l.next()
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, errCut):
			return s, s.ends(last)
		case err != nil && !errors.Is(err, errLong):
			return s, errors.Join(err, s.ends(last))
		}
		s.size += int64(len(l.buffer))
		said, is, ok := audit.Hashed(line)
		if !ok || said != is {
			s.damaged++
			continue
		}
		if s.first.Seq == 0 {
			s.first, _ = parse(line) // what has its hash and is none all the same was never written by us
			s.first.Bytes = nil
		}
		last, s.damaged = append(last[:0], line...), 0
	}
}

// ends takes the last line that is as it was written.
func (s *scan) ends(last []byte) error {
	if last == nil {
		return nil
	}
	e, err := parse(last)
	if err != nil {
		return err
	}
	e.Bytes, s.last = nil, e
	return nil
}

// lastRotated returns the last line of the newest rotated file, and how many come after it by its name.
func lastRotated(n names) (Entry, uint64, error) {
	all, err := n.rotated()
	if err != nil || len(all) == 0 {
		return Entry{Hash: audit.Genesis}, 0, err
	}
	newest := all[len(all)-1]
	l, err := openLines(newest.reading())
	if err != nil { // whoever verifies is told; the record goes on behind what the name says
		return Entry{Hash: audit.Genesis}, newest.last, nil //nolint:nilerr // see above
	}
	defer func() { _ = l.close() }()
	s, err := l.scan()
	if s.last.Seq == 0 {
		s.last.Hash = audit.Genesis
	}
	if err != nil || s.last.Seq < newest.last {
		return s.last, newest.last - s.last.Seq, nil //nolint:nilerr // as above
	}
	return s.last, 0, nil
}

// heed holds what was found against the head, which a process leaves where it ends. Where the head says more, the record
// goes on behind that: whoever verifies it finds that lines are missing. So does a head that nobody has signed: it can raise an
// alarm that is false, and hide nothing.
func (e *end) heed(n names, o Options, r *Recovered) {
	h, err := readHead(n.head())
	switch {
	case errors.Is(err, fs.ErrNotExist) && e.place.Seq == 0:
		return
	case errors.Is(err, fs.ErrNotExist):
		err = errors.New("it is missing")
	case err == nil && o.Key != nil:
		err = h.check([]ed25519.PublicKey{o.Key.Public().(ed25519.PublicKey)})
	}
	if err != nil {
		r.HeadFault = err.Error()
		if h != (Head{}) {
			r.Head = &h
		}
	}
	if h.Seq > e.place.Seq && h.Seq < maxLast {
		r.MissingFrom, r.MissingTo = e.place.Seq+1, h.Seq
		e.place = h.Place
	}
}

// tell makes an event of what was found, where there is something to tell.
func (e *end) tell(r Recovered) {
	if r == (Recovered{}) {
		return
	}
	event := audit.Event{Type: audit.ChainRecovered, Subject: Name, Outcome: audit.Success, Details: r}
	if r.Cut > 0 {
		event.Message = fmt.Sprintf("half a line of %d bytes, which a crash had left, was cut off. ", r.Cut)
	}
	if r.Damaged > 0 {
		event.Outcome = audit.Failure
		event.Message += fmt.Sprintf("%d lines at the end are not as they were written. ", r.Damaged)
	}
	if r.MissingTo > 0 {
		event.Outcome = audit.Failure
		event.Message += fmt.Sprintf("the lines %d to %d, which the head says were there, are missing. ", r.MissingFrom, r.MissingTo)
	}
	if r.HeadFault != "" {
		event.Outcome = audit.Failure
		event.Message += "the head of the record cannot be trusted: " + r.HeadFault + ". "
	}
	event.Message = "the record was found so: " + event.Message[:len(event.Message)-1]
	e.found = append(e.found, event)
}
