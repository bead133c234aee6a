package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func nothingLate(Content) { panic("the disk was in time") }

// opened uses a directory on the file system until the test ends.
func opened(t *testing.T, o Options) *Dir {
	t.Helper()
	d, err := Open(o)
	must(t, err)
	t.Cleanup(func() { must(t, d.Close()) })
	return d
}

// TestABrokenFileIsSetAside holds that nothing which can be in place of the state keeps the
// program from starting, or is lost, and that the next state is written.
func TestABrokenFileIsSetAside(t *testing.T) {
	cases := map[string]func(t *testing.T, path string){
		"a directory":                func(t *testing.T, path string) { must(t, os.Mkdir(path, 0o700)) },
		"a directory with something": func(t *testing.T, path string) { must(t, os.MkdirAll(filepath.Join(path, "x"), 0o700)) },
		"a pipe":                     func(t *testing.T, path string) { must(t, syscall.Mkfifo(path, 0o600)) },
		"a link to itself":           func(t *testing.T, path string) { must(t, os.Symlink(filepath.Base(path), path)) },
		"more than can have been written": func(t *testing.T, path string) {
			must(t, os.WriteFile(path, nil, 0o600))
			must(t, os.Truncate(path, 2*defaultMaxContent+overhead+1))
		},
	}
	if os.Getuid() != 0 {
		cases["unreadable"] = func(t *testing.T, path string) { must(t, os.WriteFile(path, encoded(t, sample()), 0)) }
	}
	for name, text := range broken(t) {
		cases[name] = func(t *testing.T, path string) { must(t, os.WriteFile(path, text, 0o600)) }
	}
	for name, put := range cases {
		t.Run(name, func(t *testing.T) {
			dir, registry := t.TempDir(), prometheus.NewRegistry()
			path := filepath.Join(dir, fileName)
			put(t, path)
			var log bytes.Buffer
			d := opened(t, Options{Dir: dir, Logger: slog.New(slog.NewTextHandler(&log, nil)), Registerer: registry})
			if got := d.Load(nothingLate); len(got.Generations)+len(got.Groups) > 0 {
				t.Errorf("read %+v", got)
			}
			aside, err := filepath.Glob(path + ".broken-*")
			must(t, err)
			if len(aside) != 1 || !strings.Contains(log.String(), aside[0]) || testutil.ToFloat64(d.metrics.aside) != 1 {
				t.Errorf("set aside: %v; the log says\n%s", aside, &log)
			}
			if _, err := os.Lstat(path); !os.IsNotExist(err) {
				t.Errorf("it is still there: %v", err)
			}
			s := NewSaver(d, sample)
			s.Save()
			s.Close()
			if diff := cmp.Diff(sample(), d.Load(nothingLate)); diff != "" {
				t.Errorf("what was written after it (-want +got):\n%s", diff)
			}
		})
	}
}

// TestOnlySoManyAreSetAside holds that a disk which breaks the file every time fills up no
// directory.
func TestOnlySoManyAreSetAside(t *testing.T) {
	dir := t.TempDir()
	path, now := filepath.Join(dir, fileName), day(1)
	d := opened(t, Options{Dir: dir, Now: func() time.Time { now = now.Add(time.Second); return now }})
	for i := range 20 {
		must(t, os.WriteFile(path, fmt.Append(nil, "broken ", i), 0o600))
		d.Load(nothingLate)
	}
	aside, err := filepath.Glob(path + ".broken-*")
	must(t, err)
	if len(aside) != maxAside {
		t.Fatalf("%d are kept, want %d", len(aside), maxAside)
	}
	if text, err := os.ReadFile(aside[maxAside-1]); err != nil || string(text) != "broken 19" {
		t.Errorf("the newest is %q, %v", text, err)
	}
}

func TestOneProcessHasTheDirectory(t *testing.T) {
	dir := t.TempDir()
	first, err := Open(Options{Dir: dir})
	must(t, err)
	host, err := os.Hostname()
	must(t, err)
	_, err = Open(Options{Dir: dir})
	if want := fmt.Sprintf("held by another control plane, process %d on %q since ", os.Getpid(), host); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("the second gets %v, want %s", err, want)
	}
	must(t, os.WriteFile(filepath.Join(dir, lockName), []byte("\x00garbage"), 0o600))
	if _, err = Open(Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "does not say who it is") {
		t.Errorf("the second gets %v", err)
	}
	must(t, first.Close())
	must(t, first.Close())
	third, err := Open(Options{Dir: dir})
	must(t, err)
	text, err := os.ReadFile(filepath.Join(dir, lockName))
	must(t, err)
	var h holder
	if err := json.Unmarshal(text, &h); err != nil || h.PID != os.Getpid() {
		t.Errorf("the lock says %s, %v", text, err)
	}
	must(t, third.Close())
}

// TestADirectoryThatCannotBeLockedIsUsed holds for a file system without locks, of which a
// directory in place of the lock stands for all.
func TestADirectoryThatCannotBeLockedIsUsed(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, lockName), 0o700))
	var log bytes.Buffer
	d := opened(t, Options{Dir: dir, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if !strings.Contains(log.String(), "cannot be locked") || !d.Answered() {
		t.Errorf("answered %v; the log says\n%s", d.Answered(), &log)
	}
}

func TestADirectoryThatCannotBe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	if _, err := Open(Options{Dir: filepath.Join(file, "state")}); err == nil {
		t.Error("a directory in a file is used")
	}
}

// TestHalfAFileIsRemoved holds for what a process left that was killed while it wrote.
func TestHalfAFileIsRemoved(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, ".unfinished-1"), []byte("half"), 0o600))
	d := opened(t, Options{Dir: dir})
	s := NewSaver(d, sample)
	s.Save()
	s.Close()
	var names []string
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if diff := cmp.Diff([]string{fileName, lockName}, names); diff != "" {
		t.Errorf("the directory (-want +got):\n%s", diff)
	}
	for _, name := range names {
		info, err := os.Stat(filepath.Join(dir, name))
		must(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s is %v, want it readable by its owner only", name, info.Mode())
		}
	}
}

// readLog is a log that may be read while it is written.
type readLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *readLog) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *readLog) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// memoryDisk is one in memory. Where a gate is set its calls wait until it is closed.
type memoryDisk struct {
	open, read, replace chan struct{}

	mu    sync.Mutex
	text  []byte
	err   error
	count int
}

func (d *memoryDisk) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = err
}

// replaced returns how often the file was to be replaced.
func (d *memoryDisk) replaced() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.count
}

func pass(gate chan struct{}) {
	if gate != nil {
		<-gate
	}
}

func (d *memoryDisk) Open(string, time.Time) (io.Closer, error) {
	pass(d.open)
	return unlocked{}, nil
}

func (d *memoryDisk) Read(path string, _ int64) ([]byte, error) {
	pass(d.read)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.text == nil || filepath.Base(path) != fileName {
		return nil, fs.ErrNotExist
	}
	return d.text, nil
}

func (d *memoryDisk) Replace(_ string, text []byte) error {
	pass(d.replace)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.count++
	if d.err == nil {
		d.text = text
	}
	return d.err
}

func (d *memoryDisk) Append(string, []byte) error { return errors.New("there is no journal") }

// TestTheStartDoesNotWaitForTheDisk holds that a disk that hangs holds up the start for a bounded
// time, that what it keeps is taken up when it answers, and that nothing is written over it before.
func TestTheStartDoesNotWaitForTheDisk(t *testing.T) {
	for name, hang := range map[string]func(d *memoryDisk, gate chan struct{}){
		"it hangs when it is opened": func(d *memoryDisk, gate chan struct{}) { d.open = gate },
		"it hangs when it is read":   func(d *memoryDisk, gate chan struct{}) { d.read = gate },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hung, gate := &memoryDisk{text: encoded(t, sample())}, make(chan struct{})
				hang(hung, gate)
				var log readLog
				begin := time.Now()
				d, err := Open(Options{Disk: hung, Logger: slog.New(slog.NewTextHandler(&log, nil))})
				must(t, err)
				var late []Content
				written := -1
				if got := d.Load(func(c Content) { late, written = append(late, c), hung.replaced() }); len(got.Groups) > 0 {
					t.Errorf("read %+v from a disk that hangs", got)
				}
				s := NewSaver(d, sample)
				s.Save()
				if took := time.Since(begin); took > defaultTimeout+writeTimeout {
					t.Errorf("it took %v", took)
				}
				synctest.Wait()
				if !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), "does not answer") || s.Status().Error == "" {
					t.Errorf("status %+v; the log says\n%s", s.Status(), &log)
				}
				close(gate)
				synctest.Wait()
				if len(late) != 1 || written != 0 || hung.replaced() != 1 {
					t.Fatalf("told %d times, written %d times before and %d in all", len(late), written, hung.replaced())
				}
				if diff := cmp.Diff(sample(), late[0]); diff != "" {
					t.Errorf("what the disk kept (-want +got):\n%s", diff)
				}
				s.Close()
				must(t, d.Close())
			})
		})
	}
}

// TestADiskThatNeverAnswers holds that the end waits for it no longer than the start.
func TestADiskThatNeverAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hung := &memoryDisk{open: make(chan struct{})}
		d, err := Open(Options{Disk: hung})
		must(t, err)
		s := NewSaver(d, sample)
		s.Save()
		begin := time.Now()
		s.Close()
		must(t, d.Close())
		if took := time.Since(begin); took > 2*lastWriteTimeout || d.Answered() {
			t.Errorf("the end took %v", took)
		}
		close(hung.open)
	})
}
