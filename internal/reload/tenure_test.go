package reload

import (
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/state"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/xds/node"
)

// TestWhatATenureIsWorth holds the order in which groups are forgotten.
func TestWhatATenureIsWorth(t *testing.T) {
	at := func(n int64) time.Time { return time.Unix(n, 0) }
	order := []tenure{
		{connected: 9 * time.Hour, seen: at(9)},
		{standing: state.Idle, connected: 5 * time.Hour, seen: at(9)},
		{standing: state.Listening, connected: time.Second, seen: at(9)},
		{standing: state.Listening, connected: time.Hour, seen: at(1)},
		{standing: state.Listening, connected: time.Hour, seen: at(2)},
	}
	for i := range order[1:] {
		if order[i].compare(order[i+1]) >= 0 || order[i+1].compare(order[i]) <= 0 {
			t.Errorf("%+v is worth no less than %+v", order[i], order[i+1])
		}
	}
	both := order[2].after(order[3])
	if want := (tenure{standing: state.Listening, connected: time.Hour + time.Second, seen: at(9)}); both != want {
		t.Errorf("added: %+v, want %+v", both, want)
	}
}

// TestAClockThatIsSetBack holds that nobody loses time by it.
func TestAClockThatIsSetBack(t *testing.T) {
	now := time.Unix(1000, 0)
	g := &group{gateway: node.Of(model.Gateway{}).Gateway, connected: true, tenure: tenure{connected: time.Hour, since: now}}
	now = now.Add(-time.Minute)
	if got := g.tenureAt(now).connected; got != time.Hour {
		t.Errorf("connected for %v, want an hour", got)
	}
}
