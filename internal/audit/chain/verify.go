package chain

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/portreeve/portreeve/internal/audit"
)

// VerifyOptions say against what a record is held.
type VerifyOptions struct {
	// PublicKeys are those by which heads may be signed. With one every signature has to be good, and there has to be one.
	// Without any, signatures are counted and not checked.
	PublicKeys []ed25519.PublicKey
	// Head is a file with a head of the record that is kept elsewhere. Empty is the one beside the record.
	Head string
}

// Report is what was found in a record.
type Report struct {
	// Files and Lines are how many were read.
	Files int    `json:"files"`
	Lines uint64 `json:"lines"`
	// First and Last are the numbers of the first line and of the last one up to which all is as it was written.
	First    uint64    `json:"first"`
	Last     uint64    `json:"last"`
	LastHash string    `json:"lastHash,omitempty"`
	LastTime time.Time `json:"lastTime,omitzero"`
	// Pruned is how many lines were removed at the beginning because they were old, as the record itself says.
	Pruned uint64 `json:"pruned"`
	// Lost is how many lines the record itself says that it never had.
	Lost uint64 `json:"lost"`
	// Signatures is how many there are, and Signed the last line that a signature covers. What comes after it can be cut off
	// by who can write the file.
	Signatures int    `json:"signatures"`
	Signed     uint64 `json:"signed"`
	// Head is the line that the head of the record names.
	Head uint64 `json:"head"`
	// Fault is the first thing that is not as it was written, or nil.
	Fault *Fault `json:"fault,omitempty"`
}

// Fault is what somebody did to a record, or a disk.
type Fault struct {
	// File and Line say where. Line is 0 where it is about a file.
	File string `json:"file"`
	Line int    `json:"line,omitempty"`
	// Reason says what it is.
	Reason string `json:"reason"`
}

func (f *Fault) String() string {
	if f.Line == 0 {
		return fmt.Sprintf("%s: %s", f.File, f.Reason)
	}
	return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Reason)
}

// verifyTries bounds how often a record is read anew that changes while it is read.
const verifyTries = 5

// errChanged says that the files of a record became others while they were read.
var errChanged = errors.New("its files change while they are read")

// Verify reads a record from its first line to its last, over rotated files, and says what is the first that is not as it was
// written. The record may be written meanwhile. The error says that it cannot be read.
func Verify(file string, o VerifyOptions) (Report, error) {
	n, err := namesOf(file)
	if err != nil {
		return Report{}, err
	}
	for range verifyTries {
		v := verifier{names: n, options: o, tries: writtenWithin}
		if err = v.run(); !errors.Is(err, errChanged) {
			return v.report, err
		}
	}
	return Report{}, fmt.Errorf("read audit record %s: %w", file, err)
}

// verifier reads a record once.
type verifier struct {
	names   names
	options VerifyOptions
	tries   int
	report  Report
	head    Head
	// start is the file of the first line, and before the hash that comes before it. begins is that the record may begin there.
	start, before string
	begins        bool
	last          Entry
}

func (v *verifier) run() error {
	if err := v.readHead(); err != nil || v.report.Fault != nil {
		return err
	}
	err := eachFile(v.names, v.tries, v.file)
	if errors.Is(err, errStop) {
		return nil
	}
	if err == nil {
		v.finish()
	}
	return err
}

// readHead reads where the record has to go to, before the record: it only grows. It fails closed: without a head lines of
// the end may be missing, and that is a fault.
func (v *verifier) readHead() error {
	path := v.options.Head
	if path == "" {
		path = v.names.head()
	}
	h, err := readHead(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		_ = v.fault(path, 0, "the head of the record is missing: whether lines are missing at its end cannot be known")
	case errors.Is(err, fs.ErrPermission):
		return err
	case err != nil:
		_ = v.fault(path, 0, "the head of the record cannot be read: %s", err)
	case len(v.options.PublicKeys) > 0:
		if err := h.check(v.options.PublicKeys); err != nil {
			_ = v.fault(path, 0, "the head of the record cannot be trusted: %s", err)
		}
	}
	v.head, v.report.Head = h, h.Seq
	if len(v.options.PublicKeys) > 0 {
		v.report.Signed = h.Seq
	}
	return nil
}

// errStop ends the reading at the first fault.
var errStop = errors.New("stop")

func (v *verifier) fault(file string, line int, format string, args ...any) error {
	v.report.Fault = &Fault{File: file, Line: line, Reason: fmt.Sprintf(format, args...)}
	return errStop
}

// file reads one of the files.
func (v *verifier) file(l *lines, r rotated) error {
	v.report.Files++
	first := true
	for {
		e, err := l.entry()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return v.broken(l, err)
		}
		if first && r.first != 0 && e.Seq != r.first {
			return v.fault(l.path, e.Line, "it begins with line %d of the record, and by its name with line %d: the file was renamed, or lines of it are missing", e.Seq, r.first)
		}
		first = false
		if err := v.entry(e); err != nil {
			return err
		}
	}
	if r.last != 0 && v.last.Seq != r.last {
		return v.fault(l.path, l.number, "it ends with line %d of the record, and by its name with line %d: lines are missing at its end", v.last.Seq, r.last)
	}
	return nil
}

func (v *verifier) broken(l *lines, err error) error {
	switch {
	case errors.Is(err, errCut):
		return v.fault(l.path, l.number, "the last line is cut short: it was written when the control plane was killed, or somebody cut the file. A start of the control plane cuts off the rest of it")
	default:
		return v.fault(l.path, l.number, "%s", err)
	}
}

// entry holds a line against the one before.
func (v *verifier) entry(e Entry) error {
	switch {
	case v.report.Lines == 0:
		v.start, v.before, v.report.First = e.File, e.Prev, e.Seq
		v.begins = e.Seq == 1 && e.Prev == audit.Genesis
	case e.Seq == v.last.Seq+1 && e.Prev == v.last.Hash:
	case v.bridges(e):
		v.report.Lost += e.Seq - 1 - v.last.Seq
	case e.Seq > v.last.Seq+1:
		return v.fault(e.File, e.Line, "the lines %d to %d before it are missing", v.last.Seq+1, e.Seq-1)
	case e.Seq <= v.last.Seq:
		return v.fault(e.File, e.Line, "it is line %d of the record and comes after line %d: it was moved or added", e.Seq, v.last.Seq)
	default:
		return v.fault(e.File, e.Line, "it does not follow the line before it: one of both was put in place of another")
	}
	if e.Seq == v.head.Seq && e.Hash != v.head.Hash {
		return v.fault(e.File, e.Line, "it is not the line that the head of the record names")
	}
	v.report.Lines++
	v.report.Last, v.report.LastHash, v.report.LastTime = e.Seq, e.Hash, e.Time
	v.last = e
	v.last.Bytes, v.last.Details = nil, nil
	return v.says(e)
}

// bridges reports whether a line tells of the gap before it. It is signed as everything is, and says what is on the other side.
func (v *verifier) bridges(e Entry) bool {
	var d audit.Lost
	return e.Type == audit.EventsLost && e.Seq > v.last.Seq+1 && json.Unmarshal(e.Details, &d) == nil &&
		d.Sink == Name && d.From == v.last.Seq+1 && d.To == e.Seq-1 && d.After == v.last.Hash
}

// says heeds what a line says about the record itself.
func (v *verifier) says(e Entry) error {
	switch e.Type {
	case audit.ChainPruned:
		var d Pruned
		if json.Unmarshal(e.Details, &d) == nil && d.UpTo < e.Seq {
			v.begins = v.begins || d.UpTo+1 > v.report.First || d.UpTo+1 == v.report.First && d.Hash == v.before
		}
	case audit.ChainSigned:
		return v.signature(e)
	case audit.ChainRecovered:
		return v.recovered(e)
	}
	return nil
}

// recovered heeds how the record was found at a start. It fails closed: where there was no head, or none that one of the
// keys has signed, lines may have been cut off before.
func (v *verifier) recovered(e Entry) error {
	var r Recovered
	if err := json.Unmarshal(e.Details, &r); err != nil || r.HeadFault == "" {
		return nil //nolint:nilerr // it says nothing about the head
	}
	if r.Head == nil {
		return v.fault(e.File, e.Line, "when the control plane started there, the head of the record was not to be read (%s): whether lines before it are missing cannot be known", r.HeadFault)
	}
	if len(v.options.PublicKeys) == 0 {
		return nil
	}
	if err := r.Head.check(v.options.PublicKeys); err != nil {
		return v.fault(e.File, e.Line, "when the control plane started there, the head of the record could not be trusted (%s): whether lines before it are missing cannot be known", err)
	}
	return nil
}

// signature holds a signed head against the line before it, and against the keys.
func (v *verifier) signature(e Entry) error {
	var h Head
	if err := json.Unmarshal(e.Details, &h); err != nil || h.Seq != e.Seq-1 || h.Hash != e.Prev {
		return v.fault(e.File, e.Line, "what it signs is not the line before it")
	}
	if len(v.options.PublicKeys) > 0 {
		if err := h.check(v.options.PublicKeys); err != nil {
			return v.fault(e.File, e.Line, "the record is not signed there: %s", err)
		}
	}
	v.report.Signatures++
	v.report.Signed = max(v.report.Signed, h.Seq)
	return nil
}

// finish holds the beginning and the end against what the record says of itself.
func (v *verifier) finish() {
	if v.begins {
		v.report.Pruned = v.report.First - 1
	}
	switch {
	case v.head.Seq > v.last.Seq:
		_ = v.fault(v.names.path, 0, "the record ends with line %d, and its head says that there is line %d: lines are missing at the end", v.last.Seq, v.head.Seq)
	case v.report.Lines > 0 && !v.begins:
		_ = v.fault(v.start, 0, "the record begins with line %d, and nothing says that what stood before was removed because it was old", v.report.First)
	case len(v.options.PublicKeys) > 0 && v.report.Lines > 0 && v.report.Signatures == 0 && v.head.Seq == 0:
		_ = v.fault(v.names.path, 0, "nothing in the record is signed")
	}
}
