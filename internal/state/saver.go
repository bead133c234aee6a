package state

import (
	"log/slog"
	"sync"
	"time"
)

const (
	// writeTimeout is how long whoever saves waits for the write, and how long a write takes before
	// it counts as late. A disk that is well takes some milliseconds.
	writeTimeout = 2 * time.Second
	// lastWriteTimeout is how long the end waits for the last write, so that the program ends in time.
	lastWriteTimeout = time.Second
	// retry is how long after a write that failed the next is tried.
	retry = 10 * time.Second
	// refresh is how long after a write the next comes of itself: how long gateways have been
	// connected is to be known to the hour after the process was killed.
	refresh = time.Hour
)

// Saver writes a state to its directory, off everybody's way: one write at a time, each with the
// newest state. A write that does not come back keeps the next waiting, and nobody else. It runs
// a goroutine only while there is something to write. It is safe for concurrent use.
type Saver struct {
	dir     *Dir
	content func() Content

	mu sync.Mutex
	// busy is the write that is under way, next the one that follows it.
	busy, next *write
	// late says that the write under way is overdue.
	late bool
	// since is since when the newest state is not on disk.
	since   time.Time
	failing error
	leftOut int
	again   *time.Timer
	closed  bool
}

// write is one write; done is closed when it has ended, well or not.
type write struct{ done chan struct{} }

// NewSaver returns a saver that has written nothing. Content returns the state as it is; it is
// called when a write begins, by the saver's goroutine.
func NewSaver(d *Dir, content func() Content) *Saver { return &Saver{dir: d, content: content} }

// Ask has the state written soon. It does not wait.
func (s *Saver) Ask() { s.ask() }

// Save has the state written, and waits until it is or for two seconds. It does not wait where
// a write is overdue already.
func (s *Saver) Save() {
	if asked := s.ask(); !s.overdue() {
		asked.wait(writeTimeout)
	}
}

func (w *write) wait(most time.Duration) {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-w.done:
	case <-timer.C:
	}
}

func (s *Saver) overdue() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.late
}

// ask returns the write that will hold the state as it is now.
func (s *Saver) ask() *write {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == nil {
		s.next = &write{make(chan struct{})}
	}
	asked := s.next
	if s.since.IsZero() {
		s.since = s.dir.options.Now()
		s.dir.metrics.since(s.since)
	}
	switch {
	case s.closed:
		s.next = nil
		close(asked.done)
	case s.busy == nil:
		go s.run(s.begin())
	}
	return asked
}

// begin makes the next write, which may be none, the one that is under way.
func (s *Saver) begin() *write {
	s.busy, s.next = s.next, nil
	if s.again != nil {
		s.again.Stop()
	}
	return s.busy
}

// run writes until nothing is to be written.
func (s *Saver) run(w *write) {
	for w != nil {
		overdue := time.AfterFunc(writeTimeout, func() { s.tell(w) })
		leftOut, err := s.dir.write(s.content)
		overdue.Stop()
		w = s.end(leftOut, err)
	}
}

// end takes in what became of the write under way, and begins the next, which it returns.
func (s *Saver) end(leftOut int, err error) *write {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report(leftOut, err)
	s.dir.metrics.written(err)
	s.failing, s.leftOut, s.late = err, leftOut, false
	if err == nil && s.next == nil {
		s.since = time.Time{}
		s.dir.metrics.since(s.since)
	}
	close(s.busy.done)
	next := s.begin()
	if next == nil && !s.closed {
		wait := refresh
		if err != nil {
			wait = retry
		}
		s.again = time.AfterFunc(wait, s.Ask)
	}
	return next
}

// report logs when writing begins to fail, and when it succeeds again.
func (s *Saver) report(leftOut int, err error) {
	log := s.dir.options.Logger.With("directory", s.dir.options.Dir)
	switch {
	case err != nil && s.failing == nil:
		log.Error("the state cannot be written, what is on disk stays and is older", "reason", err)
	case err == nil && (s.failing != nil || s.late):
		log.Info("the state is written again")
	}
	if leftOut > 0 && s.leftOut == 0 {
		log.Error("there is no room for all of the state: some gateways would not find their last good policy after a restart", "leftOut", leftOut)
	}
}

// tell logs that a write is overdue, unless it has just ended.
func (s *Saver) tell(w *write) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy != w {
		return
	}
	s.late = true
	s.dir.options.Logger.Error("the state is not written in time, what is on disk is older; serving goes on",
		slog.String("directory", s.dir.options.Dir), slog.Duration("waited", writeTimeout))
}

// Close writes the state once more and ends, after a second at most. A write that hangs is
// left to itself.
func (s *Saver) Close() {
	s.ask().wait(lastWriteTimeout)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.again != nil {
		s.again.Stop()
	}
}
