package app

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/portreeve/portreeve/internal/audit"
)

// tail is how much of the end of a record is looked at for its last event.
const tail = 1 << 20

// typeOfLine finds the type of an event in its line: it comes before anything that others choose.
var typeOfLine = regexp.MustCompile(`^\{"specversion":"[^"]*","id":"[^"]*","source":"[^"]*","type":"` + regexp.QuoteMeta(audit.TypePrefix) + `([a-z.]+)"`)

// lastEvent returns the type of the last event of a record that is not about the record itself; empty where there is none, or the disk
// does not tell.
func (a *App) lastEvent(file string) (last audit.Type) {
	for line := range bytes.Lines(a.endOf(file)) {
		if found := typeOfLine.FindSubmatch(line); found != nil && !strings.HasPrefix(string(found[1]), "audit.") {
			last = audit.Type(found[1])
		}
	}
	return last
}

// endOf returns the end of a record; nothing where the disk does not tell: who opens it for writing says why.
func (a *App) endOf(file string) []byte {
	var end []byte
	err := a.disk.Do(file, func() (err error) {
		end, err = readEnd(file)
		return err
	})
	if err != nil {
		return nil
	}
	return end
}

// lastLines are the last lines of a record, of the file that is written, that are as they were written.
func (a *App) lastLines(file string) (out []audit.Line) {
	for line := range bytes.Lines(a.endOf(file)) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		said, is, ok := audit.Hashed(line)
		var e struct{ Type, Sequence string }
		if !ok || said != is || json.Unmarshal(line, &e) != nil {
			continue
		}
		seq, err := strconv.ParseUint(e.Sequence, 10, 64)
		if err != nil {
			continue
		}
		out = append(out, audit.Line{Seq: seq, Bytes: line, Hash: is, Event: audit.Event{Type: audit.Type(strings.TrimPrefix(e.Type, audit.TypePrefix))}})
	}
	return out
}

// readEnd reads the end of a file.
func readEnd(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, os.ErrInvalid
	}
	return io.ReadAll(io.NewSectionReader(f, max(0, info.Size()-tail), tail))
}
