package reload

import (
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// TestGatewaysThatAreGoneAreCounted holds that a gateway counts as gone when its last stream has ended, no longer when it is back, and
// for a day.
func TestGatewaysThatAreGoneAreCounted(t *testing.T) {
	now := time.Unix(0, 0)
	clock := func() time.Time { return now }
	r := &Reloader{options: Options{Now: clock}, nodes: nodes{logger: slog.New(slog.DiscardHandler), now: clock}}
	r.shown.Store(&view{byKey: func() map[string]*groupView { return nil }})
	count, metric := 0.0, NewGoneMetric(r)
	for i, step := range []struct {
		do   func(id, group string)
		id   string
		want float64
	}{
		{r.Connected, "a", 0}, {r.Connected, "a", 0}, {r.Connected, "b", 0},
		{r.Disconnected, "a", 0}, {r.Disconnected, "a", 1}, {r.Disconnected, "b", 2}, {r.Connected, "a", 1},
	} {
		step.do(step.id, "edge{}")
		if count = testutil.ToFloat64(metric); count != step.want {
			t.Errorf("after step %d %v are gone, want %v", i, count, step.want)
		}
	}
	if now = now.Add(goneFor); testutil.ToFloat64(metric) != 0 {
		t.Error("a day later one is still missed")
	}
}
