package sink

import (
	"errors"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/portreeve/portreeve/internal/audit"
)

// TestMetricsSayWhatWaitsAndWhatIsLost has one sink that is up and one that is down.
func TestMetricsSayWhatWaitsAndWhatIsLost(t *testing.T) {
	up, broken := &receiver{}, &receiver{fail: down}
	s := having(t, "", Bounds{Events: 100, Bytes: 1 << 30}, map[string]Deliverer{"up": up, "down": broken})
	defer closed(t, s)
	registry := prometheus.NewRegistry()
	must(t, registry.Register(metrics{s}))
	s.Start(func(audit.Event) {})
	for seq := 1; seq <= 120; seq += 20 { // as much as the one that is up has room for
		must(t, s.Take(t.Context(), made(seq, seq+19)))
		eventually(t, "they arrive", func() bool { return len(up.numbers()) == seq+19 })
	}
	eventually(t, "one is down", func() bool { return !s.senders["down"].health.up() })
	eventually(t, "metrics say so", func() bool {
		return testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP portreeve_audit_delivered_total Events that a sink has taken.
# TYPE portreeve_audit_delivered_total counter
portreeve_audit_delivered_total{sink="down"} 0
portreeve_audit_delivered_total{sink="up"} 120
# HELP portreeve_audit_delivery_lost_total Events that a sink will never get: there was no room (full), it refused them for too long (refused), or the spool was not whole (broken).
# TYPE portreeve_audit_delivery_lost_total counter
portreeve_audit_delivery_lost_total{reason="broken",sink="down"} 0
portreeve_audit_delivery_lost_total{reason="broken",sink="up"} 0
portreeve_audit_delivery_lost_total{reason="full",sink="down"} 20
portreeve_audit_delivery_lost_total{reason="full",sink="up"} 0
portreeve_audit_delivery_lost_total{reason="refused",sink="down"} 0
portreeve_audit_delivery_lost_total{reason="refused",sink="up"} 0
# HELP portreeve_audit_delivery_up Whether a sink takes events: 0 after three failures in a row.
# TYPE portreeve_audit_delivery_up gauge
portreeve_audit_delivery_up{sink="down"} 0
portreeve_audit_delivery_up{sink="up"} 1
# HELP portreeve_audit_spool_events Events that wait to be delivered.
# TYPE portreeve_audit_spool_events gauge
portreeve_audit_spool_events{sink="down"} 100
portreeve_audit_spool_events{sink="up"} 0
`), "portreeve_audit_delivered_total", "portreeve_audit_delivery_lost_total", "portreeve_audit_delivery_up", "portreeve_audit_spool_events") == nil
	})
}

// TestASetGoesWithARecorder holds that both have metrics of names of their own, and that a set that cannot be registered is closed.
func TestASetGoesWithARecorder(t *testing.T) {
	registry := prometheus.NewRegistry()
	e := listening(t)
	o := Options{Config: Config{Webhooks: []Webhook{{Name: "siem", URL: e.URL}}, Spool: DefaultBounds()}, Spool: t.TempDir(), Registerer: registry, Logger: quiet()}
	s, err := Open(o)
	must(t, err)
	r, err := audit.New(audit.Options{Sinks: []audit.Sink{s}, Registerer: registry, Required: true})
	must(t, err)
	s.Start(r.Record)
	must(t, r.Require(t.Context(), audit.Event{Type: audit.GenerationRead, Subject: "abc", Outcome: audit.Refused}))
	eventually(t, "it arrives", func() bool { return len(e.numbers()) == 1 })
	if got := read(audit.Line{Bytes: e.bodies[0]}); got.Type != "io.portreeve.generation.read" || got.Subject != "abc" || got.outcome() != "refused" || got.Data.Severity != medium || len(got.ChainHash) != 64 {
		t.Errorf("what a recorder makes is read as %+v", got)
	}
	must(t, r.Close())
	closed(t, s)
	o.Spool = t.TempDir()
	if _, err := Open(o); !errors.As(err, &prometheus.AlreadyRegisteredError{}) {
		t.Errorf("registered twice: %v", err)
	}
}

// BenchmarkTake is of one sink on disk, in batches as the recorder makes them under load.
func BenchmarkTake(b *testing.B) {
	s := unopened(Bounds{Events: 1 << 30, Bytes: 1 << 40}, map[string]Deliverer{"siem": &receiver{}})
	s.options.Spool = b.TempDir()
	if err := s.openSpool(); err != nil {
		b.Fatal(err)
	}
	s.Start(func(audit.Event) {})
	lines := made(1, 512)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Take(b.Context(), lines); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*len(lines))/b.Elapsed().Seconds(), "events/s")
	if err := s.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
}
