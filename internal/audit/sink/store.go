package sink

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// The names in the spool: its file, and in that the bucket of buckets of sinks, the one that counts what is in those, and the one that says
// up to which line of the record each sink has it.
const (
	storeFile     = "spool.db"
	linesBucket   = "lines"
	countBucket   = "counts"
	reachedBucket = "reached"
	// lockPatience is how long another process is waited for that has the spool.
	lockPatience = time.Second
)

// ErrLocked says that another process has the spool.
var ErrLocked = errors.New("another process has the spool; give each control plane an --audit-spool of its own")

// errNoStore says that the spool is not open.
var errNoStore = errors.New("the spool is not open")

// errBroken says that the spool does not hold what was written to it.
var errBroken = errors.New("the spool is broken")

// store is the spool on disk. Of its methods open, write and close are called by one goroutine, read by any.
type store struct {
	path string
	mu   sync.Mutex
	db   *bbolt.DB
	// is tells the file from another at its place.
	is fs.FileInfo
	// broken says that the file was found not to be whole, or not in its place any more.
	broken bool
}

// kept says what the spool has for one sink: entries from first to last, as many as that with so many bytes.
type kept struct {
	first, last uint64
	events      int
	bytes       int64
	// seq is the number of the last line of the record that the sink has; 0 is not known.
	seq uint64
}

// guard makes a call of the database. What it cannot read makes it panic, and a file that was cut short makes reading its
// memory a fault: both are errors here, after which the file is not used any more.
func (s *store) guard(call func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", errBroken, r)
		}
		if errors.Is(err, errBroken) {
			s.distrust()
		}
	}()
	return call()
}

// open opens the spool, or makes it, and returns what is in it, by sink. The error is ErrLocked where another process has it.
func (s *store) open() (map[string]kept, error) {
	_, missing := os.Stat(s.path)
	all := map[string]kept{}
	err := s.guard(func() error {
		if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
			return err
		}
		db, err := bbolt.Open(s.path, 0o600, &bbolt.Options{Timeout: lockPatience, FreelistType: bbolt.FreelistMapType})
		if err != nil {
			return opened(err)
		}
		is, err := os.Stat(s.path)
		if err == nil {
			err = db.View(func(tx *bbolt.Tx) error { return survey(tx, all) })
		}
		if err != nil {
			return errors.Join(err, db.Close())
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.db, s.is, s.broken = db, is, false
		return nil
	})
	if errors.Is(missing, os.ErrNotExist) && err != nil && !errors.Is(err, ErrLocked) {
		_ = os.Remove(s.path) // a disk that is full leaves half of a new file
	}
	return all, err
}

// opened says what an error of opening means.
func opened(err error) error {
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return ErrLocked
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrChecksum), errors.Is(err, bolterrors.ErrVersionMismatch):
		return fmt.Errorf("%w: %w", errBroken, err)
	}
	return err
}

// survey reads what there is of each sink, from what was counted: the lines are not read.
func survey(tx *bbolt.Tx, all map[string]kept) error {
	lines, counts := tx.Bucket([]byte(linesBucket)), tx.Bucket([]byte(countBucket))
	if lines == nil || counts == nil {
		return nil
	}
	return lines.ForEachBucket(func(name []byte) error {
		count, b := counts.Get(name), lines.Bucket(name)
		if len(count) != 16 {
			return fmt.Errorf("%w: it does not say how much is in it", errBroken)
		}
		k := kept{events: int(binary.BigEndian.Uint64(count)), bytes: int64(binary.BigEndian.Uint64(count[8:])), last: b.Sequence()}
		if k.first = k.last + 1; k.events > 0 {
			first, _ := b.Cursor().First()
			if len(first) != 8 {
				return fmt.Errorf("%w: it says that there is more in it than there is", errBroken)
			}
			k.first = binary.BigEndian.Uint64(first)
		}
		k.seq = reached(tx, name)
		all[string(name)] = k
		return nil
	})
}

// reached returns the number of the last line that a sink has; 0 is not known.
func reached(tx *bbolt.Tx, sink []byte) uint64 {
	b := tx.Bucket([]byte(reachedBucket))
	if b == nil {
		return 0
	}
	if seq := b.Get(sink); len(seq) == 8 {
		return binary.BigEndian.Uint64(seq)
	}
	return 0
}

// write makes changes, all or none: after it returned nil they are on disk, where the next process finds them.
func (s *store) write(changes []change) error {
	return s.use(func(db *bbolt.DB) error {
		err := db.Update(func(tx *bbolt.Tx) error {
			for i := range changes {
				if err := changes[i].write(tx); err != nil {
					return err
				}
			}
			return nil
		})
		if err == nil {
			err = s.inPlace()
		}
		return err
	})
}

// inPlace fails where somebody has removed the file, or put another in its place: what is written to it ends with the process.
func (s *store) inPlace() error {
	switch is, err := os.Stat(s.path); {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: somebody has removed it", errBroken)
	case err != nil:
		return err
	case !os.SameFile(s.is, is):
		return fmt.Errorf("%w: another file is in its place", errBroken)
	}
	return nil
}

// use makes a call of the database while it is open.
func (s *store) use(call func(*bbolt.DB) error) error {
	s.mu.Lock()
	db, broken := s.db, s.broken
	s.mu.Unlock()
	switch {
	case db == nil:
		return errNoStore
	case broken:
		return errBroken
	}
	return s.guard(func() error { return call(db) })
}

// read returns entries of a sink from a position on: at least one where there is one, and then up to a bound.
func (s *store) read(sink string, from uint64, most int) (out []entry, err error) {
	err = s.use(func(db *bbolt.DB) error {
		return db.View(func(tx *bbolt.Tx) error {
			b := tx.Bucket([]byte(linesBucket))
			if b == nil {
				return nil
			}
			if b = b.Bucket([]byte(sink)); b == nil {
				return nil
			}
			c, bytes := b.Cursor(), int64(0)
			for k, v := c.Seek(key(from)); len(k) == 8 && len(out) < most && bytes < maxBatchBytes; k, v = c.Next() {
				e := decode(binary.BigEndian.Uint64(k), v)
				out, bytes = append(out, e), bytes+e.size()
			}
			return nil
		})
	})
	return out, err
}

// close closes the spool, and lets go of its lock.
func (s *store) close() error {
	s.mu.Lock()
	db := s.db
	s.db = nil
	s.mu.Unlock()
	if db == nil {
		return nil
	}
	return s.guard(db.Close)
}

// abandon lets go of a spool that is not whole without closing it: that could wait for ever for a lock of what broke.
func (s *store) abandon() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.db = nil
}

// isBroken reports whether the file was found not to be whole.
func (s *store) isBroken() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken
}

// isOpen reports whether the spool is open.
func (s *store) isOpen() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.db != nil
}

// distrust notes that the file is not whole.
func (s *store) distrust() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = true
}

// mend notes that the broken file is not there any more.
func (s *store) mend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = false
}
