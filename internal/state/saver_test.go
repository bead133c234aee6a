package state

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// inMemory is a saver on a disk in memory, and the log. Its content is numbered by taken.
func inMemory(t *testing.T, disk *memoryDisk, taken *atomic.Int64) (*Saver, *readLog) {
	t.Helper()
	var log readLog
	d, err := Open(Options{Disk: disk, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	must(t, err)
	return NewSaver(d, func() Content { return Content{At: day(1).Add(time.Duration(taken.Add(1)))} }), &log
}

// TestADiskThatHangs holds that who saves waits for two seconds once, and not at all while the
// disk is known to hang; that one write waits and not one for each change; that it is told once,
// and that all is well when the disk comes back.
func TestADiskThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hung, taken := &memoryDisk{replace: make(chan struct{})}, &atomic.Int64{}
		s, log := inMemory(t, hung, taken)
		begin := time.Now()
		s.Ask()
		if took := time.Since(begin); took != 0 {
			t.Errorf("asking took %v", took)
		}
		s.Save()
		if took := time.Since(begin); took != writeTimeout {
			t.Errorf("the first to save waited %v, want %v", took, writeTimeout)
		}
		synctest.Wait()
		for range 100 {
			s.Save()
		}
		if took := time.Since(begin); took != writeTimeout || taken.Load() != 1 {
			t.Errorf("the others waited until %v, and took the state %d times; want no time and once", took, taken)
		}
		if s.Status().Error == "" || !s.Status().UnwrittenSince.Equal(begin) || testutil.ToFloat64(s.dir.metrics.unwritten) == 0 {
			t.Errorf("status %+v", s.Status())
		}
		close(hung.replace)
		synctest.Wait()
		if hung.replaced() != 2 || taken.Load() != 2 {
			t.Errorf("written %d times, taken %d times; want the one that hung and the last", hung.replaced(), taken.Load())
		}
		if status := s.Status(); status.Error != "" || !status.UnwrittenSince.IsZero() || testutil.ToFloat64(s.dir.metrics.unwritten) != 0 {
			t.Errorf("after it came back: status %+v", status)
		}
		if strings.Count(log.String(), "not written in time") != 1 || strings.Count(log.String(), "written again") != 1 {
			t.Errorf("the log says\n%s", log)
		}
		s.Close()
	})
}

// TestAWriteThatFails holds that the old file stays, that it is told once, and that the write is
// tried again at the next change and by itself.
func TestAWriteThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full, taken := &memoryDisk{err: syscall.ENOSPC}, &atomic.Int64{}
		s, log := inMemory(t, full, taken)
		s.Save()
		if got := s.Status().Error; got != syscall.ENOSPC.Error() {
			t.Errorf("status says %q", got)
		}
		s.Save()
		if full.replaced() != 2 {
			t.Errorf("tried %d times, want again at the next change", full.replaced())
		}
		time.Sleep(3*retry + retry/2) //nolint:forbidigo // the time of the bubble is not real
		synctest.Wait()
		if full.replaced() != 5 || strings.Count(log.String(), "cannot be written") != 1 {
			t.Errorf("tried %d times; the log says\n%s", full.replaced(), log)
		}
		full.fail(nil)
		time.Sleep(retry) //nolint:forbidigo // the time of the bubble is not real
		synctest.Wait()
		if got := s.Status(); got.Error != "" || strings.Count(log.String(), "written again") != 1 {
			t.Errorf("after there is room: %+v; the log says\n%s", got, log)
		}
		if failed := testutil.ToFloat64(s.dir.metrics.writes.WithLabelValues("failed")); failed != 5 {
			t.Errorf("%v failures are counted", failed)
		}
		s.Close()
		written := full.replaced()
		time.Sleep(2 * refresh) //nolint:forbidigo // the time of the bubble is not real
		synctest.Wait()
		if full.replaced() != written {
			t.Error("it writes after its end")
		}
	})
}

// TestAStateIsWrittenByTheHour holds that how long gateways are connected comes to disk though
// nothing changes.
func TestAStateIsWrittenByTheHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		well, taken := &memoryDisk{}, &atomic.Int64{}
		s, _ := inMemory(t, well, taken)
		s.Save()
		time.Sleep(3*refresh + refresh/2) //nolint:forbidigo // the time of the bubble is not real
		synctest.Wait()
		if well.replaced() != 4 {
			t.Errorf("written %d times in three hours and a half, want 4", well.replaced())
		}
		s.Close()
	})
}

// TestAFailedWriteLeavesTheOldFile holds for a disk, where the directory cannot be written to.
func TestAFailedWriteLeavesTheOldFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, fileName)
	must(t, ReplaceFile(path, []byte("old")))
	err := limited(t, 1<<10, func() error { return ReplaceFile(path, bytes.Repeat([]byte("x"), 1<<20)) })
	if !errors.Is(err, syscall.EFBIG) {
		t.Errorf("writing without room: %v", err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "old" {
		t.Errorf("%q, %v; want the old file", text, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("%v, %v; want nothing beside it", entries, err)
	}
}

// limited calls f while no file may become larger than so many bytes, which fails a write in
// its midst as a full disk does.
func limited(t *testing.T, most uint64, f func() error) error {
	t.Helper()
	var before syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before))
	must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: most, Max: before.Max}))
	defer func() { must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before)) }()
	return f()
}
