package terminal

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestNobodyReadsAFileOrAPipeOrNothing(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = null.Close() }()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = read.Close(), write.Close() }()
	for _, f := range []*os.File{file, null, write} {
		if Is(f) || Coloured(f, os.Getenv) {
			t.Errorf("%s is taken for a terminal", f.Name())
		}
	}
	if Is(&bytes.Buffer{}) {
		t.Error("a buffer is taken for a terminal")
	}
}

func TestColourIsNotForEverybody(t *testing.T) {
	for name, c := range map[string]struct {
		environment map[string]string
		want        bool
	}{
		"nothing said":      {map[string]string{"TERM": "xterm"}, true},
		"NO_COLOR":          {map[string]string{"TERM": "xterm", "NO_COLOR": "1"}, false},
		"NO_COLOR, zero":    {map[string]string{"TERM": "xterm", "NO_COLOR": "0"}, false},
		"NO_COLOR, empty":   {map[string]string{"TERM": "xterm", "NO_COLOR": ""}, true},
		"a dumb terminal":   {map[string]string{"TERM": "dumb"}, false},
		"forced, but unset": {map[string]string{"TERM": "dumb", "CLICOLOR_FORCE": "1"}, false},
	} {
		if got := wanted(func(name string) string { return c.environment[name] }); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// written tells each piece that is written.
type written chan string

func (w written) Write(piece []byte) (int, error) {
	w <- string(piece)
	return len(piece), nil
}

func TestTheLineSaysWhatIsDoneAndIsTakenAway(t *testing.T) {
	out, from, p := make(written), make(chan time.Time), &Progress{}
	p.Say("reading %s", "policy")
	p.start(out, from, time.NewTicker(time.Millisecond))
	select {
	case from <- time.Time{}:
	case got := <-out:
		t.Fatalf("shown before its time: %q", got)
	}
	if got := <-out; got != home+"reading policy" {
		t.Errorf("shown first: %q", got)
	}
	p.Say("compiling %d files", 3)
	for got := range out {
		if strings.HasSuffix(got, "compiling 3 files") {
			break
		}
	}
	ended := make(chan struct{})
	go func() { p.End(); p.End(); close(out); close(ended) }()
	last := ""
	for got := range out {
		last = got
	}
	<-ended
	if last != home {
		t.Errorf("left on the terminal: %q", last)
	}
}

func TestWhatIsDoneSoonIsNotShown(t *testing.T) {
	var out bytes.Buffer
	p := &Progress{}
	p.start(&out, make(chan time.Time), time.NewTicker(time.Hour))
	p.Say("compiling")
	p.End()
	if out.Len() > 0 {
		t.Errorf("shown: %q", out.String())
	}
}

func TestADumbTerminalTakesTextAlone(t *testing.T) {
	for term, want := range map[string]bool{"dumb": false, "xterm": true, "": true} {
		if got := able(func(string) string { return term }); got != want {
			t.Errorf("%q: %v", term, got)
		}
	}
}

func TestNothingIsShownWhereNobodyReads(t *testing.T) {
	var out bytes.Buffer
	p := Begin(&out, os.Getenv)
	p.Say("compiling")
	p.End()
	if p.done != nil || out.Len() > 0 {
		t.Errorf("shown: %q", out.String())
	}
}
