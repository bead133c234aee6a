package sink

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/portreeve/portreeve/internal/audit"
)

// bound is how long a test waits for what must happen.
const bound = 20 * time.Second

func TestMain(m *testing.M) {
	if asChild() {
		return
	}
	goleak.VerifyTestMain(m)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits until something holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick, end := time.NewTicker(time.Millisecond), time.After(bound)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("never: %s", what)
		}
	}
}

// made returns lines with the numbers from one to another.
func made(from, to int) []audit.Line {
	var out []audit.Line
	for seq := from; seq <= to; seq++ {
		out = append(out, of(seq, audit.GenerationRead, "served", 1))
	}
	return out
}

// of returns a line as the recorder makes it, as far as sinks look into it.
func of(seq int, kind audit.Type, outcome string, severity int) audit.Line {
	text := fmt.Sprintf(`{"specversion":"1.0","id":"run-%d","source":"/portreeve/here","type":"%s%s","subject":"abc","time":"2026-01-02T03:04:05.678Z","sequence":"%020d","data":{"severity_id":%d,"unmapped":{"portreeve":{"outcome":%q}}},"chainhash":"%064x"}`,
		seq, audit.TypePrefix, kind, seq, severity, outcome, seq)
	return audit.Line{Seq: uint64(seq), Bytes: []byte(text), Event: audit.Event{Type: kind}}
}

// numbers are those from one to another.
func numbers(from, to int) []int {
	var out []int
	for n := from; n <= to; n++ {
		out = append(out, n)
	}
	return out
}

// number returns the number of an event in JSON.
func number(body []byte) (int, error) {
	var e struct {
		Sequence string `json:"sequence"`
	}
	var n int
	if err := json.Unmarshal(body, &e); err != nil {
		return 0, err
	}
	_, err := fmt.Sscanf(e.Sequence, "%d", &n)
	return n, err
}

// receiver is a Deliverer that keeps the numbers of what it is given, as long as it does not fail.
type receiver struct {
	mu   sync.Mutex
	got  []int
	fail func(first int) error
	// entered has a token when somebody delivers.
	entered chan struct{}
}

func (r *receiver) Deliver(ctx context.Context, lines []audit.Line) error {
	if r.entered != nil {
		signal(r.entered)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, line := range lines {
		n, err := number(line.Bytes)
		if err != nil {
			return err
		}
		if r.fail != nil {
			if err := r.fail(n); err != nil {
				return err
			}
		}
		r.got = append(r.got, n)
	}
	return ctx.Err()
}

func (r *receiver) Close() error { return nil }

func (r *receiver) failing(fail func(int) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail = fail
}

func (r *receiver) numbers() []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

var errDown = errors.New("down")

func down(int) error { return errDown }

// idle reports whether nothing waits for the sink of tests.
func (s *Set) idle() bool {
	events, _, _ := s.senders["siem"].queue.waiting(s.options.Now())
	return events == 0
}

// told are the events that a set tells of itself.
type told struct {
	mu     sync.Mutex
	events []audit.Event
}

func (t *told) tell(e audit.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.events = append(t.events, e)
}

// types returns what was told, as "type subject".
func (t *told) types() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []string
	for _, e := range t.events {
		out = append(out, string(e.Type)+" "+e.Subject)
	}
	return out
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// having makes a set that delivers to these, not started. dir is where its spool is; empty: in memory.
func having(t *testing.T, dir string, bounds Bounds, receivers map[string]Deliverer) *Set {
	t.Helper()
	s := unopened(bounds, receivers)
	if dir != "" {
		s.options.Spool = dir
		must(t, s.openSpool())
	}
	return s
}

func unopened(bounds Bounds, receivers map[string]Deliverer) *Set {
	s := newSet(Options{Config: Config{Spool: bounds}, Logger: quiet(), Now: time.Now})
	for name, d := range receivers {
		s.add(name, nil, 10, d)
		s.options.Config.Webhooks = append(s.options.Config.Webhooks, Webhook{Name: name})
	}
	return s
}

func closed(t *testing.T, s *Set) {
	t.Helper()
	if err := s.Close(context.Background()); err != nil {
		t.Errorf("close: %v", err)
	}
}

// endpoint is a webhook's receiver over HTTP.
type endpoint struct {
	*httptest.Server
	mu      sync.Mutex
	bodies  [][]byte
	headers []http.Header
	answer  func(w http.ResponseWriter) bool
}

// listening starts an endpoint. answer, where there is one, reports whether it has taken the event.
func listening(t *testing.T) *endpoint {
	t.Helper()
	e := &endpoint{}
	e.Server = httptest.NewServer(http.HandlerFunc(e.serve))
	t.Cleanup(e.Close)
	return e
}

func (e *endpoint) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.answer != nil && !e.answer(w) {
		return
	}
	e.bodies, e.headers = append(e.bodies, body), append(e.headers, r.Header.Clone())
}

func (e *endpoint) answering(answer func(http.ResponseWriter) bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.answer = answer
}

func (e *endpoint) numbers() []int {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []int
	for _, b := range e.bodies {
		n, err := number(b)
		if err != nil {
			n = -1
		}
		out = append(out, n)
	}
	return out
}

// once returns numbers without those that follow an equal or higher one: what was delivered again.
func once(all []int) []int {
	var out []int
	for _, n := range all {
		if len(out) == 0 || n > out[len(out)-1] {
			out = append(out, n)
		}
	}
	return out
}

// spoolOf is the file of a spool.
func spoolOf(dir string) string { return filepath.Join(dir, storeFile) }
