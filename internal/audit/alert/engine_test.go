package alert_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/portreeve/portreeve/internal/audit"
	"github.com/portreeve/portreeve/internal/audit/alert"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
)

// sent is a message as a webhook reads it.
type sent struct {
	At      time.Time
	Webhook string
	Size    int
	ID      string `json:"id"`
	Type    string `json:"type"`
	Subject string `json:"subject"`
	Text    string `json:"text"`
	Data    struct {
		Group                              map[string]string
		Count, Unnamed, Suppressed, Missed uint64
		First, Last                        time.Time
		Events                             []struct {
			ID, Sequence, Type, Subject, Message string
			Objects                              []audit.Object
			MoreObjects                          int
		}
	} `json:"data"`
}

// webhooks remembers what they are sent.
type webhooks struct {
	mu   sync.Mutex
	all  []sent
	raw  []string
	down bool
}

func (w *webhooks) Send(webhook string, event []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down {
		return errors.New("the spool is full")
	}
	m := sent{At: time.Now(), Webhook: webhook, Size: len(event)}
	if err := json.Unmarshal(event, &m); err != nil {
		return err
	}
	w.all, w.raw = append(w.all, m), append(w.raw, string(event))
	return nil
}

func (w *webhooks) setDown(down bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = down
}

func (w *webhooks) told() []sent {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.all)
}

// scene is an engine, in a bubble of time.
type scene struct {
	*alert.Engine
	*webhooks
	t      *testing.T
	log    *bytes.Buffer
	seq    uint64
	offset atomic.Int64
}

func newScene(t *testing.T, alerts ...model.AuditAlert) *scene {
	t.Helper()
	s := &scene{webhooks: &webhooks{}, t: t, log: &bytes.Buffer{}}
	engine, err := alert.New(alert.Options{
		Sender: s.webhooks, Instance: "prod", Logger: slog.New(slog.NewTextHandler(s.log, nil)), Registerer: prometheus.NewRegistry(),
		Now: func() time.Time { return time.Now().Add(time.Duration(s.offset.Load())) },
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Engine = engine
	engine.SetAlerts(alerts)
	t.Cleanup(func() { _ = engine.Close() })
	return s
}

// record hands events over, and waits until the engine rests.
func (s *scene) record(events ...audit.Event) {
	s.t.Helper()
	var lines []audit.Line
	for _, e := range events {
		s.seq++
		if e.Time.IsZero() {
			e.Time = time.Now()
		}
		lines = append(lines, audit.Line{Seq: s.seq, Event: e, Bytes: fmt.Appendf(nil, `{"id":"run-%d"}`, s.seq)})
	}
	if err := s.Take(s.t.Context(), lines); err != nil {
		s.t.Fatal(err)
	}
	synctest.Wait()
}

// pass lets time pass.
func (s *scene) pass(d time.Duration) {
	time.Sleep(d) //nolint:forbidigo // of the bubble, in which nobody waits
	synctest.Wait()
}

// want holds how many events each message told of.
func (s *scene) want(when string, counts ...uint64) {
	s.t.Helper()
	got := []uint64{}
	for _, m := range s.told() {
		got = append(got, m.Data.Count)
	}
	if d := cmp.Diff(append([]uint64{}, counts...), got); d != "" {
		s.t.Errorf("%s: events of each message (-want +got):\n%s", when, d)
	}
}

// all is an alert about everything.
func all(name string) model.AuditAlert {
	return model.AuditAlert{
		Key: resource.Key{Kind: resource.AuditAlert, Namespace: "istio-system", Name: name}, Webhook: "ops", Events: []model.AlertEvents{{Types: []string{"*"}}},
		GroupWait: 10 * time.Second, GroupInterval: 5 * time.Minute, Rate: 10, Period: time.Hour,
	}
}

func event(t audit.Type, subject string) audit.Event {
	return audit.Event{Type: t, Subject: subject, Outcome: audit.Refused, Message: "it was " + subject}
}

// TestEventsOfAGroupAreToldTogether holds how long the first of a group waits, and how long it is to the next message.
func TestEventsOfAGroupAreToldTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := all("a")
		a.GroupBy = []string{"type", "subject"}
		s := newScene(t, a)
		begin := time.Now()
		s.record(event(audit.GatewayRefused, "one"))
		s.pass(9 * time.Second)
		s.record(event(audit.GatewayRefused, "one"), event(audit.GatewayRefused, "two"))
		s.want("before the group has waited")
		s.pass(time.Second)
		s.want("then", 2)
		s.pass(9 * time.Second)
		s.want("the second group", 2, 1)
		s.record(event(audit.GatewayRefused, "one"))
		s.pass(4*time.Minute + 50*time.Second)
		s.want("before the interval is over", 2, 1)
		s.pass(time.Second)
		s.want("then", 2, 1, 1)
		s.pass(time.Hour)
		s.record(event(audit.GatewayRefused, "one"))
		s.pass(10 * time.Second)
		s.want("a group that is new again", 2, 1, 1, 1)
		first := s.told()[0]
		if first.Type != alert.Type || first.Subject != "istio-system/a" || first.Webhook != "ops" || !first.Data.First.Equal(begin) || !first.Data.Last.Equal(begin.Add(9*time.Second)) ||
			first.Data.Group["subject"] != "one" || first.Data.Events[1].ID != "run-2" || first.Data.Events[1].Sequence != "2" {
			t.Errorf("the first message is %+v", first)
		}
	})
}

// TestWhatTheRateHoldsBackIsToldInTheNext holds that no event is lost to the rate.
func TestWhatTheRateHoldsBackIsToldInTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := all("a")
		a.GroupBy, a.GroupWait, a.Rate = []string{"subject"}, 0, 3
		s := newScene(t, a)
		for i := range 10 {
			s.record(event(audit.GatewayRefused, fmt.Sprint("gateway-", i)))
			s.pass(time.Minute)
		}
		s.want("at the rate", 1, 1, 1)
		s.pass(time.Hour - 10*time.Minute - time.Second)
		s.want("before the hour is over", 1, 1, 1)
		s.pass(2 * time.Second)
		s.want("then", 1, 1, 1, 7)
		last := s.told()[3]
		if last.Data.Suppressed != 7 || len(last.Data.Group) > 0 || !strings.Contains(last.Text, "7 messages were held back") {
			t.Errorf("the last message is %+v", last)
		}
	})
}

// TestWhoTakesAnAlertAwayIsToldOf holds that an alert that is removed, or tells less or somebody else, still tells of the edit
// that did it, once, and of nothing long after.
func TestWhoTakesAnAlertAwayIsToldOf(t *testing.T) {
	elsewhere, less := all("a"), all("a")
	elsewhere.Webhook, less.Events = "mine", []model.AlertEvents{{Types: []string{"keys.*"}}}
	for name, c := range map[string]struct {
		next []model.AuditAlert
		want map[string]int
	}{
		"removed":      {nil, map[string]int{"ops": 1}},
		"to elsewhere": {[]model.AuditAlert{elsewhere}, map[string]int{"ops": 1, "mine": 2}},
		"less":         {[]model.AuditAlert{less}, map[string]int{"ops": 1}},
		"the same":     {[]model.AuditAlert{all("a")}, map[string]int{"ops": 2}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(t, all("a"))
				s.SetAlerts(c.next)
				s.record(event(audit.GenerationRead, "the edit"))
				s.pass(time.Minute)
				s.record(event(audit.GenerationRead, "another"))
				s.pass(time.Hour)
				got := map[string]int{}
				for _, m := range s.told() {
					got[m.Webhook] += int(m.Data.Count)
				}
				if d := cmp.Diff(c.want, got); d != "" {
					t.Errorf("events that webhooks were told of (-want +got):\n%s", d)
				}
			})
		})
	}
}

// TestWhatIsDueOutlivesAnEdit holds that an edit of an alert neither loses what it had to tell nor gives it a new rate.
func TestWhatIsDueOutlivesAnEdit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := all("a")
		a.GroupWait, a.GroupInterval, a.Rate = 0, time.Second, 2
		s := newScene(t, a)
		for i := range 5 {
			a.GroupWait = time.Duration(i) * time.Millisecond
			s.SetAlerts([]model.AuditAlert{a})
			s.record(event(audit.KeysFailed, "issuer"))
			s.pass(10 * time.Second)
		}
		s.want("at the rate", 1, 1)
		s.pass(time.Hour)
		s.want("later", 1, 1, 3)
	})
}

// TestAWebhookThatTakesNothingIsTriedAgain holds that what cannot be handed on is kept and does not count against the rate.
func TestAWebhookThatTakesNothingIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := all("a")
		a.Rate = 1
		s := newScene(t, a)
		s.setDown(true)
		s.record(event(audit.SinkFailed, "chat"))
		s.pass(10 * time.Minute)
		s.record(event(audit.SinkFailed, "mail"))
		s.pass(10 * time.Minute)
		s.setDown(false)
		s.pass(time.Minute)
		s.want("once it takes something", 2)
		if n := strings.Count(s.log.String(), "cannot be handed"); n != 1 || strings.Count(s.log.String(), "is handed to its webhook again") != 1 {
			t.Errorf("the log says %d times that it fails:\n%s", n, s.log)
		}
	})
}

// TestARemovedAlertWhoseWebhookTakesNothingIsNotForgotten holds the same for an alert of which nothing else is left.
func TestARemovedAlertWhoseWebhookTakesNothingIsNotForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := all("a")
		a.GroupInterval = time.Second
		s := newScene(t, a)
		s.setDown(true)
		s.record(event(audit.SinkFailed, "chat"))
		s.SetAlerts(nil)
		s.pass(time.Hour)
		s.setDown(false)
		s.pass(time.Hour)
		s.want("once it takes something", 1)
	})
}

// TestTheEndTellsWhatIsLeft holds that a process that ends has told all it had, in one message for each alert.
func TestTheEndTellsWhatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := all("a"), all("b")
		a.GroupBy, b.GroupWait, b.Rate = []string{"subject"}, 0, 1
		s := newScene(t, a, b)
		s.record(event(audit.GatewayRefused, "one"))
		s.record(event(audit.GatewayRefused, "two"))
		if err := s.Take(t.Context(), []audit.Line{{Seq: 3, Event: event(audit.PlaneStopped, "prod")}}); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s.want("at the end", 1, 3, 2)
	})
}

// TestAClockThatIsSetBackDelaysNothing holds that a group is not told hours late for that, nor at a higher rate.
func TestAClockThatIsSetBackDelaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := all("a")
		a.Rate, a.GroupInterval = 2, time.Minute
		s := newScene(t, a)
		s.offset.Store(int64(10 * time.Hour))
		s.record(event(audit.KeysFailed, "one"))
		s.pass(10 * time.Second)
		s.record(event(audit.KeysFailed, "two"))
		s.offset.Store(0)
		s.pass(2 * time.Minute)
		s.want("set back", 1, 1)
		s.record(event(audit.KeysFailed, "three"))
		s.pass(50 * time.Minute)
		s.want("within the rate", 1, 1)
		s.pass(20 * time.Minute)
		s.want("after it", 1, 1, 1)
	})
}
