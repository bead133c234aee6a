package main

import (
	"fmt"
	"os"
)

// progress tells on one line of a terminal what is measured, and on a line each elsewhere.
type progress struct {
	file     *os.File
	terminal bool
	name     string
}

func newProgress(file *os.File) *progress {
	info, err := file.Stat()
	return &progress{file: file, terminal: err == nil && info.Mode()&os.ModeCharDevice != 0}
}

func (p *progress) section(name string) { p.name = name }

func (p *progress) now(format string, args ...any) {
	line := p.name + ": " + fmt.Sprintf(format, args...)
	if p.terminal {
		fmt.Fprintf(p.file, "\r\x1b[K%s", line)
		return
	}
	fmt.Fprintln(p.file, line)
}

func (p *progress) done() {
	if p.terminal {
		fmt.Fprint(p.file, "\r\x1b[K")
	}
}
