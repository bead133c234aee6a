package app

import (
	"bytes"
	"io"
	"os"
	"regexp"
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
	var end []byte
	err := a.disk.Do(file, func() (err error) {
		end, err = readEnd(file)
		return err
	})
	if err != nil {
		return "" // who opens it for writing says why
	}
	for line := range bytes.Lines(end) {
		if found := typeOfLine.FindSubmatch(line); found != nil && !strings.HasPrefix(string(found[1]), "audit.") {
			last = audit.Type(found[1])
		}
	}
	return last
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
