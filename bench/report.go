package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// reportName is the file of the report, in its folder.
const reportName = "REPORT.md"

// part is what a section found.
type part struct {
	title, text string
	tables      []table
	plots       []plot
	// files are written beside the report, by name.
	files map[string][]byte
}

// table is one table of the report.
type table struct {
	caption string
	header  []string
	rows    [][]string
}

// report is all parts, and of what they are.
type report struct {
	began   time.Time
	options options
	parts   []part
}

// write writes the report and its plots.
func (r report) write() error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# What Portreeve costs\n\nWritten by `make bench%s`; not edited by hand. docs/performance.md says what it means.\n\n", r.flags())
	fmt.Fprintf(&b, "| | |\n|---|---|\n| date | %s, took %s |\n", r.began.UTC().Format("2006-01-02 15:04 UTC"), time.Since(r.began).Round(time.Second))
	for _, f := range machine(r.options) {
		fmt.Fprintf(&b, "| %s | %s |\n", f[0], f[1])
	}
	for _, p := range r.parts {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", p.title, p.text)
		for _, t := range p.tables {
			t.write(&b)
		}
		for _, plot := range p.plots {
			fmt.Fprintf(&b, "\n![%s](%s)\n", plot.title, plot.file())
			if err := os.WriteFile(filepath.Join(r.options.out, plot.file()), plot.svg(), 0o600); err != nil {
				return err
			}
		}
		for name, content := range p.files {
			if err := os.WriteFile(filepath.Join(r.options.out, name), content, 0o600); err != nil {
				return err
			}
		}
	}
	return os.WriteFile(filepath.Join(r.options.out, reportName), b.Bytes(), 0o600)
}

func (r report) flags() string {
	if r.options.quick {
		return " QUICK=1"
	}
	return ""
}

func (t table) write(b *bytes.Buffer) {
	fmt.Fprintf(b, "\n%s\n\n| %s |\n|%s\n", t.caption, strings.Join(t.header, " | "), strings.Repeat("---|", len(t.header)))
	for _, row := range t.rows {
		fmt.Fprintf(b, "| %s |\n", strings.Join(row, " | "))
	}
}

// machine returns what the figures are of.
func machine(o options) [][2]string {
	out := [][2]string{
		{"machine", fmt.Sprintf("%s, %d cores, %s/%s, load %s", cpuModel(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, load())},
		{"Portreeve", firstLine(o.portreeve, "version")},
		{"Envoy", firstLine(o.envoy, "--version")},
		{"Go", runtime.Version()},
	}
	return out
}

// firstLine returns the first line with any text that a program prints.
func firstLine(name string, args ...string) string {
	out, err := exec.Command(name, args...).Output()
	for line := range strings.Lines(string(out)) {
		if line = strings.TrimSpace(line); line != "" {
			_, after, found := strings.Cut(line, "version: ")
			if found {
				return after
			}
			return line
		}
	}
	return fmt.Sprint("unknown: ", err)
}

// cpuModel returns the name of the processor, where the system tells.
func cpuModel() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if name, value, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}

func load() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(b), " ")
	return first
}
