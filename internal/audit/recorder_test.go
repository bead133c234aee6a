package audit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/portreeve/portreeve/internal/audit"
)

// sink keeps what it is given, and fails or hangs where it is told to.
type sink struct {
	name string
	// got hears of each line.
	got chan audit.Line

	mu   sync.Mutex
	err  error
	hang chan struct{}
}

func newSink(name string) *sink { return &sink{name: name, got: make(chan audit.Line, 100_000)} }

func (s *sink) Name() string { return s.name }

func (s *sink) Take(_ context.Context, lines []audit.Line) error {
	s.mu.Lock()
	hang := s.hang
	s.mu.Unlock()
	if hang != nil {
		<-hang
	}
	for _, l := range lines {
		s.got <- l
	}
	return s.Flush(context.Background())
}

func (s *sink) Flush(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func (s *sink) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// stall makes it hang until the function is called that is returned.
func (s *sink) stall() func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	hang := make(chan struct{})
	s.hang = hang
	return func() {
		s.mu.Lock()
		s.hang = nil
		s.mu.Unlock()
		close(hang)
	}
}

// next returns the next line of a type.
func (s *sink) next(t *testing.T, kind audit.Type) audit.Line {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		select {
		case l := <-s.got:
			if l.Event.Type == kind {
				return l
			}
		case <-deadline:
			t.Fatalf("%s is not given %s", s.name, kind)
		}
	}
}

func start(t *testing.T, o audit.Options) *audit.Recorder {
	t.Helper()
	r, err := audit.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func connected(i int) audit.Event {
	return audit.Event{Type: audit.GatewayConnected, Subject: fmt.Sprint("gateway-", i), Outcome: audit.Success}
}

func TestEveryEventIsGivenOnceAndInOrder(t *testing.T) {
	a, b := newSink("a"), newSink("b")
	r := start(t, audit.Options{Sinks: []audit.Sink{a, b}})
	const events = 5_000
	for i := range events {
		r.Record(connected(i))
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*sink{a, b} {
		prev := audit.Genesis
		for i := range events {
			l := <-s.got
			if want := fmt.Sprint("gateway-", i); l.Event.Subject != want || l.Seq != uint64(i+1) {
				t.Fatalf("%s: line %d is number %d, of %s", s.name, i, l.Seq, l.Event.Subject)
			}
			if !bytes.Contains(l.Bytes, []byte(`"chainprev":"`+prev+`"`)) {
				t.Fatalf("line %d does not follow the one before", i)
			}
			prev = l.Hash
		}
	}
}

func TestANilRecorderRecordsNothing(t *testing.T) {
	var r *audit.Recorder
	r.Record(connected(1))
	if err := errors.Join(r.Require(context.Background(), connected(1)), r.Err(), r.Close()); err != nil {
		t.Error(err)
	}
}

func TestRecordNeverWaitsAndTellsWhatIsLost(t *testing.T) {
	s := newSink("slow")
	release := s.stall()
	registry := prometheus.NewRegistry()
	r := start(t, audit.Options{Sinks: []audit.Sink{s}, MaxEvents: 10, Patience: time.Hour, Registerer: registry})
	for i := range 1_000 { // the writer waits with the first of them: of the others ten have room
		r.Record(connected(i))
	}
	release()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	given, lost := s.tally()
	if given+lost != 1_000 || lost < 900 {
		t.Errorf("%d are given, %d are said to be lost", given, lost)
	}
	want := fmt.Sprintf("# HELP portreeve_audit_lost_total Events that a sink of the audit record never gets; of the sink queue, events that no sink gets.\n# TYPE portreeve_audit_lost_total counter\nportreeve_audit_lost_total{sink=\"queue\"} %d\nportreeve_audit_lost_total{sink=\"slow\"} 0\n", lost)
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "portreeve_audit_lost_total"); err != nil {
		t.Error(err)
	}
}

// tally returns how many events of gateways a sink was given, and how many it was told that are lost.
func (s *sink) tally() (given, lost int) {
	close(s.got)
	for l := range s.got {
		switch d := l.Event.Details.(type) {
		case audit.Lost:
			lost += int(d.Events)
		case nil:
			given++
		}
	}
	return given, lost
}

func TestTheQueueIsBoundedInBytes(t *testing.T) {
	s := newSink("slow")
	release := s.stall()
	r := start(t, audit.Options{Sinks: []audit.Sink{s}, MaxBytes: 100_000, Patience: time.Hour})
	long := strings.Repeat("x", audit.MaxMessage)
	for range 1_000 {
		r.Record(audit.Event{Type: audit.GatewayConnected, Message: long})
	}
	release()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if given, lost := s.tally(); given+lost != 1_000 || lost < 900 {
		t.Errorf("%d are given, %d are said to be lost", given, lost)
	}
}

func TestWhatIsRequiredIsKeptByAllSinksOrAnError(t *testing.T) {
	a, b := newSink("a"), newSink("b")
	r := start(t, audit.Options{Sinks: []audit.Sink{a, b}, Required: true})
	read := audit.Event{Type: audit.GenerationRead, Subject: "abc"}
	if err := r.Require(t.Context(), read); err != nil {
		t.Fatal(err)
	}
	if first := a.next(t, audit.GenerationRead); first.Seq != 1 {
		t.Errorf("line %d", first.Seq)
	}
	b.fail(errors.New("no space left"))
	for range 3 { // it is asked again, and recorded once
		if err := r.Require(t.Context(), audit.Event{Type: audit.GenerationRead, Subject: "def"}); err == nil || !strings.Contains(err.Error(), "b: no space left") {
			t.Fatalf("a sink does not keep it: %v", err)
		}
	}
	if err := r.Err(); err == nil {
		t.Error("no sink fails")
	}
	b.fail(nil)
	a.next(t, audit.SinkRecovered) // before it is asked again: it is still the same event
	for _, key := range []string{"", "another"} {
		if err := r.Require(t.Context(), audit.Event{Type: audit.GenerationRead, Subject: "def", Key: key}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	close(a.got)
	var kinds []string
	for l := range a.got {
		kinds = append(kinds, fmt.Sprint(l.Event.Type, " ", l.Event.Subject))
	}
	if got, want := strings.Join(kinds, ", "), "generation.read def"; got != want {
		t.Errorf("recorded %s, want %s", got, want)
	}
}

func TestWithoutRequiredNobodyWaits(t *testing.T) {
	s := newSink("dead")
	release := s.stall()
	r := start(t, audit.Options{Sinks: []audit.Sink{s}, Patience: time.Hour})
	if err := r.Require(t.Context(), audit.Event{Type: audit.GenerationRead}); err != nil {
		t.Error(err)
	}
	release()
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

func TestASinkThatHangsHoldsUpNoOther(t *testing.T) {
	var log bytes.Buffer
	a, b := newSink("a"), newSink("b")
	release := a.stall()
	r := start(t, audit.Options{Sinks: []audit.Sink{a, b}, Required: true, Patience: time.Millisecond, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	r.Record(connected(1))
	if l := b.next(t, audit.SinkFailed); l.Event.Subject != "a" {
		t.Errorf("of %s", l.Event.Subject)
	}
	if err := r.Require(t.Context(), connected(2)); err == nil || !strings.Contains(err.Error(), "a: it does not answer") {
		t.Errorf("required of a sink that hangs: %v", err)
	}
	release()
	if l := b.next(t, audit.SinkRecovered); l.Event.Subject != "a" {
		t.Errorf("of %s", l.Event.Subject)
	}
	for i := range 2 {
		if l := a.next(t, audit.GatewayConnected); l.Event.Subject != fmt.Sprint("gateway-", i+1) {
			t.Errorf("what it is given afterwards: %s", l.Event.Subject)
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if said := strings.Count(log.String(), "level=ERROR"); said != 1 {
		t.Errorf("it is logged %d times:\n%s", said, &log)
	}
}

func TestCloseGivesUpOnASinkThatHangs(t *testing.T) {
	s := newSink("dead")
	release := s.stall()
	defer release()
	r := start(t, audit.Options{Sinks: []audit.Sink{s}, Patience: time.Hour})
	r.Record(connected(1))
	if err := r.Close(); !errors.Is(err, audit.ErrLost) {
		t.Errorf("closed with %v", err)
	}
}

func TestABrokenSinkIsToldToTheOthers(t *testing.T) {
	s := newSink("webhook")
	r := start(t, audit.Options{Sinks: []audit.Sink{audit.Broken{Sink: "file", Err: errors.New("no such disk")}, s}, Required: true})
	if err := r.Require(t.Context(), connected(1)); !errors.Is(err, audit.ErrLost) {
		t.Errorf("required: %v", err)
	}
	if l := s.next(t, audit.SinkFailed); !strings.Contains(l.Event.Message, "no such disk") {
		t.Errorf("message %q", l.Event.Message)
	}
	_ = r.Close()
}

func TestDetailsAreToldAsTheyWere(t *testing.T) {
	s := newSink("a")
	release := s.stall()
	r := start(t, audit.Options{Sinks: []audit.Sink{s}})
	details := map[string]string{"state": "before"}
	r.Record(connected(0))
	r.Record(audit.Event{Type: audit.KeysRotated, Details: details})
	details["state"] = "after"
	release()
	if l := s.next(t, audit.KeysRotated); !bytes.Contains(l.Bytes, []byte(`"state":"before"`)) {
		t.Errorf("line %s", l.Bytes)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}
