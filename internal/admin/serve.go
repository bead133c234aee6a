package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/portreeve/portreeve/internal/admin/role"
	"github.com/portreeve/portreeve/xds/pace"
)

// The bounds of the interface. No client can keep another from /readyz by holding connections,
// by sending slowly or by reading slowly. They are no flags: they are far above what probes,
// a scraper and a person need.
const (
	// maxConnections may be open at one time. Above it one of the address that has most of them is closed.
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
	// maxSaid are the lines a minute that the log has of what the HTTP library says.
	maxSaid = 30
)

// Serve answers on l until ctx ends, and returns nil then with l and every connection closed.
// Any other end of l is an error. What the HTTP library has to say goes to the logger, at a bounded rate: whoever
// reaches the interface can have it say something. l may speak TLS.
func Serve(ctx context.Context, l net.Listener, h http.Handler, logger *slog.Logger) error {
	var open connections
	s := &http.Server{
		Handler: h, ErrorLog: slog.NewLogLogger(paced{logger.Handler(), pace.New(maxSaid, maxSaid, time.Now)}, slog.LevelWarn), ConnState: open.note, MaxHeaderBytes: maxHeader,
		ReadHeaderTimeout: headerTime, ReadTimeout: readTime, WriteTimeout: writeTime, IdleTimeout: idleTime,
	}
	stop := context.AfterFunc(ctx, func() {
		_ = l.Close()
		open.end()
		_ = s.Close()
	})
	defer stop()
	if err := s.Serve(l); ctx.Err() == nil && !errors.Is(err, http.ErrServerClosed) {
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

// evict closes a connection of whom most are, so that nobody keeps out another who has fewer: the one that rests longest, or
// else is busy for longest.
func (c *connections) evict() {
	all := slices.Concat(c.resting, c.busy)
	from := map[netip.Prefix]int{}
	most := 0
	for _, conn := range all {
		n := role.Network(conn.RemoteAddr().String())
		from[n]++
		most = max(most, from[n])
	}
	at := slices.IndexFunc(all, func(conn net.Conn) bool { return from[role.Network(conn.RemoteAddr().String())] == most })
	hangUp(all[at])
	is := func(other net.Conn) bool { return other == all[at] }
	c.resting, c.busy = slices.DeleteFunc(c.resting, is), slices.DeleteFunc(c.busy, is)
}

// end closes all of them.
func (c *connections) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range slices.Concat(c.resting, c.busy) {
		hangUp(conn)
	}
}

// hangUp closes a connection without a word: TLS would take its time to say so to a client that does not read.
func hangUp(conn net.Conn) {
	if over, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = over.NetConn()
	}
	_ = conn.Close()
}

// paced is a handler of a log that writes so many lines a minute.
type paced struct {
	slog.Handler
	limit *pace.Limit
}

// Handle implements slog.Handler.
func (p paced) Handle(ctx context.Context, r slog.Record) error {
	more, ok := p.limit.Take("")
	if !ok {
		return nil
	}
	r.Add(more...)
	return p.Handler.Handle(ctx, r)
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
			http.Error(w, "other answers of /debug are being made: try again in 5 seconds", http.StatusServiceUnavailable)
		}
	}
}
