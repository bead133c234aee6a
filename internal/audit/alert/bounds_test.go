package alert_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portreeve/portreeve/internal/audit"
	"github.com/portreeve/portreeve/translate/model"
)

// many are events of as many subjects.
func many(n int) []audit.Event {
	var out []audit.Event
	for i := range n {
		out = append(out, event(audit.GatewayRefused, fmt.Sprint("gateway-", i)))
	}
	return out
}

// TestAMessageNamesAHundredEvents holds that it counts all.
func TestAMessageNamesAHundredEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, all("a"))
		s.record(many(250)...)
		s.pass(time.Minute)
		s.want("all together", 250)
		if m := s.told()[0]; len(m.Data.Events) != 100 || m.Data.Unnamed != 150 || !strings.Contains(m.Text, "and 245 more") {
			t.Errorf("%d events are named and %d are not: %s", len(m.Data.Events), m.Data.Unnamed, m.Text)
		}
	})
}

// TestAnAlertHasAHundredGroups holds that what cannot be told apart is told together.
func TestAnAlertHasAHundredGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := all("a")
		a.GroupBy, a.Rate = []string{"subject"}, 1000
		s := newScene(t, a)
		s.record(many(130)...)
		s.pass(time.Minute)
		got := s.told()
		slices.SortFunc(got, func(a, b sent) int { return int(b.Data.Count) - int(a.Data.Count) })
		if len(got) != 101 || got[0].Data.Count != 30 || len(got[0].Data.Group) > 0 || got[1].Data.Count != 1 {
			t.Errorf("%d messages, the largest of %d events in the group %v", len(got), got[0].Data.Count, got[0].Data.Group)
		}
	})
}

// TestThereAreAThousandGroups holds the bound over all alerts, and that of the events that are held: none is lost to them.
func TestThereAreAThousandGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var alerts []model.AuditAlert
		for i := range model.MaxAlerts + 5 {
			a := all(fmt.Sprintf("a%03d", i))
			a.GroupBy, a.Rate = []string{"subject"}, 1000
			alerts = append(alerts, a)
		}
		s := newScene(t, alerts...)
		for range 20 {
			s.record(many(20)...)
		}
		s.pass(time.Minute)
		var events, named, groups uint64
		told := map[string]uint64{}
		for _, m := range s.told() {
			events, named = events+m.Data.Count, named+uint64(len(m.Data.Events))
			told[m.Subject] += m.Data.Count
			if len(m.Data.Group) > 0 {
				groups++
			}
		}
		if groups != 1000 || named != 10_000 || events != 100*400 || len(told) != model.MaxAlerts {
			t.Errorf("%d groups, %d of %d events named, %d alerts", groups, named, events, len(told))
		}
		s.record(many(1)...)
		s.pass(time.Hour)
		s.record(many(1)...)
		s.pass(time.Hour)
		if m := s.told()[len(s.told())-1]; len(m.Data.Group) == 0 || len(m.Data.Events) != 1 {
			t.Errorf("when all was told, a group is not one again: %+v", m)
		}
	})
}

// TestAMessageIsBounded holds how long one may be, whatever is in it, and that its text commands no chat.
func TestAMessageIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, all("a"))
		long := strings.Repeat("<!channel>\x01@here &", 1000)
		e := audit.Event{Type: audit.GatewayRefused, Subject: long, Message: long}
		for range 40 {
			e.Objects = append(e.Objects, audit.Object{Kind: long, Namespace: long, Name: long, File: long})
		}
		s.record(slices.Repeat([]audit.Event{e}, 100)...)
		s.pass(time.Minute)
		m := s.told()[0]
		if m.Size > 192<<10 || m.Data.Count != 100 || int(m.Data.Unnamed) != 100-len(m.Data.Events) || len(m.Data.Events) == 0 || len(m.Text) > 16<<10 {
			t.Errorf("%d bytes with %d of %d events, %d of text", m.Size, len(m.Data.Events), m.Data.Count, len(m.Text))
		}
		if m.Data.Events[0].MoreObjects != 30 || strings.ContainsAny(m.Text, "<>\x01") || strings.Contains(m.Text, "@h") {
			t.Errorf("it leaves out %d objects and says %.300s", m.Data.Events[0].MoreObjects, m.Text)
		}
	})
}

// TestTheTextOfAMessageIsHarmless holds that a name which somebody makes up is neither a mention nor a link in a chat, and hides
// nothing of what stands around it.
func TestTheTextOfAMessageIsHarmless(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, all("a"))
		s.record(event(audit.GatewayRefused, "<!here> @all https://evil.test/x [ok](https://evil.test) www.evil.test \u202egnp.exe \u0085\u2028b"))
		s.pass(time.Minute)
		text := s.told()[0].Text
		for _, harmful := range []string{"<!", "@all", "://", "](", "www.", "\u202e", "\u0085", "\u2028"} {
			if strings.Contains(text, harmful) {
				t.Errorf("the text has %q: %s", harmful, text)
			}
		}
		if strings.Count(text, "\n") != 1 {
			t.Errorf("it has a line of its own making: %q", text)
		}
	})
}

// TestAFloodIsCounted holds that lines that come faster than they are looked at wait for nobody, and that alerts tell of it.
func TestAFloodIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := all("a")
		a.Events = []model.AlertEvents{{Types: []string{"keys.*"}}}
		s := newScene(t, a)
		var lines []audit.Line
		for i := range 5000 {
			lines = append(lines, audit.Line{Seq: uint64(i), Event: event(audit.GatewayConnected, "one")})
		}
		if err := s.Take(context.Background(), lines); err != nil {
			t.Fatal(err)
		}
		if err := s.Take(context.Background(), []audit.Line{{Bytes: make([]byte, 17<<20), Event: event(audit.KeysFailed, "long")}}); err != nil {
			t.Fatal(err)
		}
		s.pass(time.Minute)
		if m := s.told(); len(m) != 1 || m[0].Data.Count != 0 || m[0].Data.Missed != 5000-4096+1 || !strings.Contains(m[0].Text, "905 events came too fast") {
			t.Errorf("it was told %+v", m)
		}
		if !strings.Contains(s.log.String(), "came too fast for alerts") {
			t.Errorf("the log says\n%s", s.log)
		}
	})
}

// TestEditsLeaveFewAlertsBehind holds that alerts that are gone are forgotten, also where edits come fast.
func TestEditsLeaveFewAlertsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		for i := range 50 {
			var alerts []model.AuditAlert
			for j := range 20 {
				alerts = append(alerts, all(fmt.Sprintf("a-%d-%d", i, j)))
			}
			s.SetAlerts(alerts)
		}
		s.record(event(audit.KeysFailed, "one"))
		s.pass(time.Minute)
		if n := len(s.told()); n != 200 {
			t.Errorf("%d alerts tell of it, want those in force and the last that were, 200", n)
		}
	})
}
