package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portreeve/portreeve/internal/audit/chain"
)

// maxAuditLine bounds a line that is read of a record; none that was written is as long.
const maxAuditLine = 1 << 20

// auditLine hears of a line of a record, and where it stands. An error ends the reading.
type auditLine func(at string, line []byte) error

// errEnough ends the reading without an error.
var errEnough = errors.New("enough")

// errBroken says that a line is not as it was written, so that those after it are not read.
var errBroken = errors.New("the record is not as it was written")

// readAudit reads the lines of a record in order: of a file and those that it was rotated into, or of - or a packed file alone.
func readAudit(c *cobra.Command, file string, each auditLine) error {
	err := readAuditFiles(c, file, each)
	switch {
	case errors.Is(err, errEnough):
		return nil
	case errors.Is(err, errBroken):
		fmt.Fprintf(c.ErrOrStderr(), "portreeve: %v; lines after it are not read, but by: cat FILE | portreeve audit list -\n", err)
		return errFindings
	}
	return err
}

func readAuditFiles(c *cobra.Command, file string, each auditLine) error {
	switch {
	case file == "-":
		return readAuditStream(file, c.InOrStdin(), each)
	case !strings.HasSuffix(file, ".gz"):
		return readAuditChain(file, each)
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return readAuditStream(file, f, each)
}

// readAuditChain reads a record and the files that it was rotated into, each line of which has to be as it was written.
func readAuditChain(file string, each auditLine) error {
	for e, err := range chain.Read(file) {
		at := fmt.Sprintf("%s:%d", e.File, e.Line)
		switch {
		case err != nil && e.Line > 0:
			return fmt.Errorf("%w: %s: %s", errBroken, at, plainText(err.Error()))
		case err != nil:
			return err
		}
		if err := each(at, e.Bytes); err != nil {
			return err
		}
	}
	return nil
}

// readAuditStream reads lines, unpacked where they are packed by gzip.
func readAuditStream(name string, from io.Reader, each auditLine) error {
	in := bufio.NewReaderSize(from, maxAuditLine)
	if head, err := in.Peek(2); err == nil && bytes.Equal(head, []byte{0x1f, 0x8b}) {
		unpacked, err := gzip.NewReader(in)
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		in = bufio.NewReaderSize(unpacked, maxAuditLine)
	}
	for number := 1; ; number++ {
		line, err := in.ReadSlice('\n')
		at := fmt.Sprintf("%s:%d", name, number)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return fmt.Errorf("%s: the line is longer than %d bytes: this is no record", at, maxAuditLine)
		case err != nil && !errors.Is(err, io.EOF):
			return fmt.Errorf("read %s: %w", name, err)
		}
		if line = bytes.TrimSuffix(line, []byte("\n")); len(line) > 0 {
			if err := each(at, line); err != nil {
				return err
			}
		}
		if err != nil {
			return nil
		}
	}
}

// auditEvents makes the lines events. What is none is said, and counted: a record that is broken is still read.
type auditEvents struct {
	c      *cobra.Command
	broken int
}

// maxBrokenTold bounds the lines that are said to be no events.
const maxBrokenTold = 5

func (a *auditEvents) each(take func(auditEvent) error) auditLine {
	return func(at string, line []byte) error {
		event, err := parseAuditEvent(line)
		if err == nil {
			return take(event)
		}
		if a.broken++; a.broken <= maxBrokenTold {
			fmt.Fprintf(a.c.ErrOrStderr(), "portreeve: %s: not an event of a record: %s\n", at, plainText(err.Error()))
		}
		return nil
	}
}

// end is the error of the whole.
func (a *auditEvents) end() error {
	if a.broken == 0 {
		return nil
	}
	fmt.Fprintf(a.c.ErrOrStderr(), "portreeve: %d lines are no events: run %q\n", a.broken, "portreeve audit verify")
	return errFindings
}

// hasAny reports whether one of the patterns matches; none matches all.
func hasAny[T any](patterns []T, matches func(T) bool) bool {
	for _, p := range patterns {
		if matches(p) {
			return true
		}
	}
	return len(patterns) == 0
}
