package chain

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/portreeve/portreeve/internal/audit"
)

// maxLine bounds a line that is read.
const maxLine = 1 << 20

// Entry is a line of a record, as it is read.
type Entry struct {
	// File and Line say where it stands.
	File string
	Line int
	// Seq, Prev and Hash are its place in the chain: its number, the hash of the line before, its own.
	Seq        uint64
	Prev, Hash string
	// Type is without audit.TypePrefix.
	Type    audit.Type
	Time    time.Time
	Subject string
	Message string
	Outcome audit.Outcome
	// Namespaces and Objects are those that it is about, as many as were recorded.
	Namespaces []string
	Objects    []audit.Object
	// Details is the JSON of the event's details, or nil.
	Details json.RawMessage
	// Bytes is the line. It is valid until the next one is read.
	Bytes []byte
}

// written is as much of a line as is read.
type written struct {
	Type      string    `json:"type"`
	Subject   string    `json:"subject"`
	Time      time.Time `json:"time"`
	Sequence  string    `json:"sequence"`
	ChainPrev string    `json:"chainprev"`
	Data      struct {
		Message  string `json:"message"`
		Unmapped struct {
			Portreeve struct {
				Outcome    audit.Outcome   `json:"outcome"`
				Namespaces []string        `json:"namespaces"`
				Objects    []audit.Object  `json:"objects"`
				Details    json.RawMessage `json:"details"`
			} `json:"portreeve"`
		} `json:"unmapped"`
	} `json:"data"`
}

// parse reads a line. The error says why it is none, or that it is not as it was written.
func parse(line []byte) (Entry, error) {
	said, is, ok := audit.Hashed(line)
	switch {
	case !ok:
		return Entry{}, errors.New("it is no line of a record")
	case said != is:
		return Entry{}, errors.New("it is not as it was written: its hash is another")
	}
	var w written
	if err := json.Unmarshal(line, &w); err != nil {
		return Entry{}, fmt.Errorf("it is no line of a record: %w", err)
	}
	seq, err := strconv.ParseUint(w.Sequence, 10, 64)
	if err != nil || seq == 0 {
		return Entry{}, errors.New("it has no number")
	}
	if prev, err := hex.DecodeString(w.ChainPrev); err != nil || len(prev) != 32 {
		return Entry{}, errors.New("it does not say which line comes before it")
	}
	own := w.Data.Unmapped.Portreeve
	return Entry{
		Seq: seq, Prev: w.ChainPrev, Hash: said, Type: audit.Type(strings.TrimPrefix(w.Type, audit.TypePrefix)), Time: w.Time, Subject: w.Subject,
		Message: w.Data.Message, Outcome: own.Outcome, Namespaces: own.Namespaces, Objects: own.Objects, Details: own.Details, Bytes: line,
	}, nil
}

// errCut says that a file ends in the midst of a line.
var errCut = errors.New("the file ends in the midst of a line")

// errLong says that a line is longer than is read. What comes of it is read as the next one.
var errLong = fmt.Errorf("a line has more than %d bytes", maxLine)

// errCompressed says that a file is not as it was compressed.
var errCompressed = errors.New("it is not as it was compressed")

// lines reads the lines of one file.
type lines struct {
	path   string
	number int
	reader *bufio.Reader
	close  func() error
	buffer []byte
	// tries is how often is waited for the end of a line that is being written.
	tries int
}

// tryEvery is how long is waited for the end of a line, each time.
const tryEvery = 20 * time.Millisecond

// header begins every file that is compressed by us. Its parts that say nothing are held against it, so that no byte of it can
// be changed.
const header = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"

// openLines opens a file, which may be compressed.
func openLines(path string) (*lines, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	return linesOf(f, path)
}

func linesOf(f *os.File, path string) (*lines, error) {
	l := &lines{path: path, reader: bufio.NewReaderSize(f, 64<<10), close: f.Close}
	if !strings.HasSuffix(path, compressed) {
		return l, nil
	}
	begin, err := l.reader.Peek(len(header))
	if err == nil && string(begin) != header {
		err = errors.New("it does not begin as what we compress")
	}
	var zip *gzip.Reader
	if err == nil {
		zip, err = gzip.NewReader(l.reader)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", errCompressed, err), f.Close())
	}
	zip.Multistream(false)
	l.reader = bufio.NewReaderSize(alone{zip, l.reader}, 64<<10)
	return l, nil
}

// alone reads a compressed file that has to be one: what is added behind it is found, also where it holds nothing.
type alone struct {
	zip  io.Reader
	file *bufio.Reader
}

func (a alone) Read(p []byte) (int, error) {
	n, err := a.zip.Read(p)
	if errors.Is(err, io.EOF) {
		if _, more := a.file.Peek(1); more == nil {
			return n, fmt.Errorf("%w: something stands behind it", errCompressed)
		}
	}
	return n, err
}

// next returns the next line, which is valid until it is called again, io.EOF after the last one, and errCut where a line
// does not end.
func (l *lines) next() ([]byte, error) {
	l.buffer = l.buffer[:0]
	for {
		part, err := l.reader.ReadSlice('\n')
		l.buffer = append(l.buffer, part...)
		switch {
		case len(l.buffer) > maxLine:
			l.number++
			return nil, errLong
		case err == nil:
			l.number++
			return bytes.TrimSuffix(l.buffer, []byte{'\n'}), nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(l.buffer) == 0:
			return nil, io.EOF
		case errors.Is(err, io.EOF) && l.tries > 0:
			l.tries--
			<-time.After(tryEvery)
		case errors.Is(err, io.EOF):
			l.number++
			return nil, errCut
		default:
			l.number++
			return nil, err
		}
	}
}

// entry returns the next line, read.
func (l *lines) entry() (Entry, error) {
	line, err := l.next()
	if err != nil {
		return Entry{}, err
	}
	e, err := parse(line)
	e.File, e.Line = l.path, l.number
	return e, err
}
