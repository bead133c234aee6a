package state

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"syscall"
)

// leased is a disk whose file is under a lease for some tries.
type leased struct {
	Disk
	tries *int
}

func (l leased) Read(path string, most int64) ([]byte, error) {
	if *l.tries--; *l.tries >= 0 {
		return nil, syscall.EWOULDBLOCK
	}
	return l.Disk.Read(path, most)
}

// TestWhatCannotBeReadNowIsReadLater holds that a fault that passes does not set a good file aside,
// that it is not known meanwhile what was kept, and that nothing is written over it.
func TestWhatCannotBeReadNowIsReadLater(t *testing.T) {
	dir := t.TempDir()
	first := opened(t, Options{Dir: dir})
	first.Load(nothingLate)
	s := NewSaver(first, sample)
	s.Save()
	s.Close()
	must(t, first.Close())
	synctest.Test(t, func(t *testing.T) {
		tries := 10
		d, err := Open(Options{Dir: dir, Disk: leased{localDisk{}, &tries}})
		must(t, err)
		late := make(chan Content, 1)
		if got := d.Load(func(c Content) { late <- c }); len(got.Groups) > 0 || d.Known() {
			t.Errorf("read %+v, known %v", got, d.Known())
		}
		time.Sleep(10 * readEvery) //nolint:forbidigo // the clock is the test's
		if diff := cmp.Diff(sample(), <-late); diff != "" || !d.Known() {
			t.Errorf("known %v, what was kept (-want +got):\n%s", d.Known(), diff)
		}
		must(t, d.Close())
	})
}

// TestAnEndBeforeItIsReadWritesNothing holds that a program which ends while it is not known what was
// kept leaves it as it is.
func TestAnEndBeforeItIsReadWritesNothing(t *testing.T) {
	dir := t.TempDir()
	first := opened(t, Options{Dir: dir})
	first.Load(nothingLate)
	s := NewSaver(first, sample)
	s.Save()
	s.Close()
	must(t, first.Close())
	synctest.Test(t, func(t *testing.T) {
		tries := 1 << 20
		d, err := Open(Options{Dir: dir, Disk: leased{localDisk{}, &tries}})
		must(t, err)
		d.Load(nothingLate)
		s := NewSaver(d, func() Content { return Content{} })
		s.Save()
		s.Close()
		must(t, d.Close())
		synctest.Wait()
	})
	again := opened(t, Options{Dir: dir})
	if diff := cmp.Diff(sample(), again.Load(nothingLate)); diff != "" {
		t.Errorf("what was kept (-want +got):\n%s", diff)
	}
}
