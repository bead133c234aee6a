//go:build unix

package chain_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/portreeve/portreeve/internal/audit"
	"github.com/portreeve/portreeve/internal/audit/chain"
)

// alone runs a test in a process of its own, and reports whether this is it: what fill does is done to all of a process.
func alone(t *testing.T) bool {
	t.Helper()
	const isAlone = "PORTREEVE_TEST_ALONE"
	if os.Getenv(isAlone) != "" {
		return true
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.timeout", "1m")
	child.Env = append(os.Environ(), isAlone+"=1")
	if out, err := child.CombinedOutput(); err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
	return false
}

// fill lets no file of this process grow beyond so many bytes, as on a full disk, until the function is called that is returned.
func fill(t *testing.T, size uint64) (empty func()) {
	t.Helper()
	signal.Ignore(unix.SIGXFSZ)
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: size, Max: was.Max}); err != nil {
		t.Fatal(err)
	}
	empty = func() {
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &was); err != nil {
			t.Error(err)
		}
		signal.Reset(unix.SIGXFSZ)
	}
	t.Cleanup(empty)
	return empty
}

// other is a sink that keeps what it is told.
type other struct{ lines chan audit.Line }

func (o other) Name() string { return "other" }

func (o other) Take(_ context.Context, lines []audit.Line) error {
	for _, l := range lines {
		o.lines <- l
	}
	return nil
}

func (o other) next(t *testing.T, kind audit.Type) audit.Line {
	t.Helper()
	for {
		select {
		case l := <-o.lines:
			if l.Event.Type == kind {
				return l
			}
		case <-t.Context().Done():
			t.Fatal("not told: ", kind)
		}
	}
}

func TestOnAFullDiskWhatIsRequiredIsRefusedAndNothingIsLost(t *testing.T) {
	if !alone(t) {
		return
	}
	o := chain.Options{File: file(t), Key: key(1)}
	c, err := chain.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	others := other{make(chan audit.Line, 10_000)}
	r, err := audit.New(audit.Options{Chain: c, Required: true, Sinks: []audit.Sink{others}})
	if err != nil {
		t.Fatal(err)
	}
	require(t, r, event(0))
	before := len(all(t, o.File))
	empty := fill(t, 10_000)
	for i := range 50 {
		r.Record(event(i))
	}
	if err := r.Require(t.Context(), event(50)); err == nil || !strings.Contains(err.Error(), "file: write audit record") {
		t.Errorf("required: %v", err)
	}
	if l := others.next(t, audit.SinkFailed); l.Event.Subject != chain.Name {
		t.Errorf("told of %s", l.Event.Subject)
	}
	if text, err := os.ReadFile(o.File); err != nil || bytes.Count(text, []byte("\n")) >= before+50 || !bytes.HasSuffix(text, []byte("\n")) {
		t.Errorf("half of what did not fit is there: %d bytes (%v)", len(text), err)
	}
	empty()
	require(t, r, event(50))
	others.next(t, audit.SinkRecovered)
	end(t, c, r)
	verified(t, o.File, chain.VerifyOptions{})
	seen := map[string]int{}
	for _, e := range all(t, o.File) {
		seen[e.Subject]++
	}
	if len(seen) != 52 || seen[event(0).Subject] != 2 || seen[event(50).Subject] != 1 {
		t.Errorf("seen %d: %v", len(seen), seen)
	}
}

func TestWhatAFullDiskLosesIsSaidInTheRecord(t *testing.T) {
	if !alone(t) {
		return
	}
	o := chain.Options{File: file(t), Key: key(1), MaxPending: 20_000}
	c, r := begin(t, o)
	require(t, r, event(0))
	empty := fill(t, 2_000)
	var lost error
	for i := range 100 {
		e := event(i)
		e.Type = audit.KeysRotated
		lost = r.Require(t.Context(), e)
	}
	if lost == nil || !strings.Contains(lost.Error(), audit.ErrLost.Error()) {
		t.Errorf("required: %v", lost)
	}
	empty()
	until(t, "it takes lines again", func() bool { return r.Require(t.Context(), audit.Event{Type: audit.KeysFetched}) == nil })
	require(t, r, event(1))
	end(t, c, r)
	report := verified(t, o.File, chain.VerifyOptions{})
	if report.Lost < 50 || report.Lines+report.Lost != report.Last {
		t.Errorf("report %+v", report)
	}
	var told uint64
	for _, e := range all(t, o.File) {
		var d audit.Lost
		if e.Type == audit.EventsLost {
			if err := json.Unmarshal(e.Details, &d); err != nil || d.Sink != chain.Name {
				t.Errorf("details %+v (%v)", d, err)
			}
			told += d.Events
		}
	}
	if told != report.Lost {
		t.Errorf("%d are told, %d are lost", told, report.Lost)
	}
	whole := keep(t, filepath.Dir(o.File))
	for i := range bytes.Count(whole["audit.log"], []byte("\n")) - 1 {
		less := whole.changed(t, "audit.log", func(l [][]byte) [][]byte { return append(l[:i:i], l[i+1:]...) })
		found(t, "one line less", less.put(t, t.TempDir()), chain.VerifyOptions{})
	}
}

func TestARecordThatIsMovedAwayGoesOnAnew(t *testing.T) {
	o := chain.Options{File: file(t)}
	c, r := begin(t, o)
	require(t, r, event(0))
	if err := os.Rename(o.File, o.File+".old"); err != nil {
		t.Fatal(err)
	}
	if err := r.Require(t.Context(), event(1)); err != nil && !strings.Contains(err.Error(), "the file is gone") {
		t.Errorf("required: %v", err)
	}
	require(t, r, event(1))
	end(t, c, r)
	if f := found(t, "moved", o.File, chain.VerifyOptions{}); !strings.Contains(f.Reason, "begins with line") {
		t.Errorf("fault %s", f)
	}
}

// TestWhatIsDoneToTheFileCostsNoLineThatComesAfterIt holds, and none is written twice: what is required is kept as soon as the
// file can be written to.
func TestWhatIsDoneToTheFileCostsNoLineThatComesAfterIt(t *testing.T) {
	for name, does := range map[string]func(path string) error{
		"it is emptied":                func(path string) error { return os.Truncate(path, 0) },
		"something is written to it":   func(path string) error { return appended(path, "garbage\n") },
		"it is removed":                os.Remove,
		"another is put in its place":  func(path string) error { return errors.Join(os.Remove(path), appended(path, "garbage\n")) },
		"a directory was in its place": func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) },
	} {
		t.Run(name, func(t *testing.T) {
			o := chain.Options{File: file(t), MaxSize: 5_000}
			c, r := begin(t, o)
			for i := range 10 { // it is rotated, and what the library has opened then is written to where it was left
				require(t, r, event(i))
			}
			if err := does(o.File); err != nil {
				t.Fatal(err)
			}
			last := event(10)
			err := r.Require(t.Context(), last)
			if info, statErr := os.Stat(o.File); statErr == nil && info.IsDir() {
				if err == nil {
					t.Error("it is kept in a directory")
				}
				if err := os.Remove(o.File); err != nil {
					t.Fatal(err)
				}
			}
			if err != nil {
				until(t, "it is kept", func() bool { return r.Require(t.Context(), last) == nil })
			}
			end(t, c, r)
			text, err := os.ReadFile(o.File)
			if n := strings.Count(string(text), last.Subject+"\",\"time"); err != nil || n != 1 {
				t.Errorf("it is written %d times (%v)", n, err)
			}
			for line := range strings.Lines(string(text)) {
				if said, is, ok := audit.Hashed([]byte(strings.TrimSuffix(line, "\n"))); line != "garbage\n" && (!ok || said != is) {
					t.Errorf("it is no line: %.80q", line)
				}
			}
		})
	}
}

func appended(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
