package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// The bounds of the interface. No client can keep another from /readyz by holding connections,
// by sending slowly or by reading slowly. They are no flags: they are far above what probes,
// a scraper and a person need.
const (
	// maxConnections may be open at one time. Above it the one that rests longest is closed.
	maxConnections = 64
	maxHeader      = 16 << 10
	headerTime     = 5 * time.Second
	readTime       = 10 * time.Second
	writeTime      = 30 * time.Second
	idleTime       = time.Minute
	// maxAnswers of /debug may be made at one time: each holds all that it answers in memory.
	// answerWait is how long the next one waits for its turn.
	maxAnswers = 4
	answerWait = 5 * time.Second
)

// Serve answers on l until ctx ends, and returns nil then with l and every connection closed.
// Any other end of l is an error. What the HTTP library has to say goes to the logger.
func Serve(ctx context.Context, l net.Listener, h http.Handler, logger *slog.Logger) error {
	var open connections
	s := &http.Server{
		Handler: h, ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelWarn), ConnState: open.note, MaxHeaderBytes: maxHeader,
		ReadHeaderTimeout: headerTime, ReadTimeout: readTime, WriteTimeout: writeTime, IdleTimeout: idleTime,
	}
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer stop()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve admin: %w", err)
	}
	return nil
}

// connections are the open ones.
type connections struct {
	mu sync.Mutex
	// resting and busy are without and with a request, the one that is so for longest first.
	resting, busy []net.Conn
}

// note is told of every change of a connection, of a new one before it is read from. Where
// there are too many then, one is closed to make room: the new one may be a probe.
func (c *connections) note(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	is := func(other net.Conn) bool { return other == conn }
	c.resting, c.busy = slices.DeleteFunc(c.resting, is), slices.DeleteFunc(c.busy, is)
	switch state {
	case http.StateNew:
		if len(c.resting)+len(c.busy) >= maxConnections {
			c.evict()
		}
		c.resting = append(c.resting, conn)
	case http.StateIdle:
		c.resting = append(c.resting, conn)
	case http.StateActive:
		c.busy = append(c.busy, conn)
	}
}

func (c *connections) evict() {
	from := &c.resting
	if len(*from) == 0 {
		from = &c.busy
	}
	_ = (*from)[0].Close()
	*from = (*from)[1:]
}

// turns lets a bounded number of answers be made at one time.
type turns chan struct{}

func (t turns) take(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		limit := time.NewTimer(answerWait)
		defer limit.Stop()
		select {
		case t <- struct{}{}:
			defer func() { <-t }()
			next(w, r)
		case <-r.Context().Done():
		case <-limit.C:
			w.Header().Set("Retry-After", "5")
			http.Error(w, "other answers of /debug are being made", http.StatusServiceUnavailable)
		}
	}
}
