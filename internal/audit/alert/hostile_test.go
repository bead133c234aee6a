package alert_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portreeve/portreeve/internal/audit"
	"github.com/portreeve/portreeve/internal/audit/alert"
	"github.com/portreeve/portreeve/translate/model"
)

// costly is an alert of as many patterns as there may be, each of which is looked for all over a long name, and an event of
// such names that none of them fits.
func costly() (model.AuditAlert, audit.Event) {
	a, e := all("costly"), event(audit.GenerationRead, "the edit")
	a.Events = nil
	for range 16 {
		var m model.AlertEvents
		for range 32 {
			m.Objects = append(m.Objects, model.AlertObject{Name: "*" + strings.Repeat("a", 120) + "b"})
		}
		a.Events = append(a.Events, m)
	}
	for i := range 49 {
		e.Objects = append(e.Objects, audit.Object{Kind: "Gateway", Namespace: "team", Name: strings.Repeat("a", 200+i)})
	}
	return a, e
}

// TestMatchingIsBounded holds that patterns that cost too much to match are told of too much, and that those that people write are
// not: else one alert would hold up the others for minutes.
func TestMatchingIsBounded(t *testing.T) {
	a, e := costly()
	if _, ok := alert.Seen(&a, e); !ok {
		t.Error("it is matched to the end")
	}
	for i := range a.Events {
		for j := range a.Events[i].Objects {
			a.Events[i].Objects[j].Name = fmt.Sprintf("*-prod-%d", j)
		}
	}
	for i := range e.Objects {
		e.Objects[i].Name = fmt.Sprint("allow-web-to-orders-", i)
	}
	if _, ok := alert.Seen(&a, e); ok {
		t.Error("an alert of short patterns is told of what it is not about")
	}
}

// TestAlertsComeIntoForceBeforeWhatIsRecordedNext holds that who sets alerts does not wait for the engine, and that they count for all
// that is recorded from then on, and none before, however far behind it is.
func TestAlertsComeIntoForceBeforeWhatIsRecordedNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		for range 300 { // more than are kept
			s.SetAlerts(nil)
		}
		s.SetAlerts([]model.AuditAlert{all("a")})
		s.record(many(40)...)
		s.SetAlerts(nil)
		s.pass(time.Minute)
		s.record(many(1)...)
		s.pass(time.Hour)
		s.want("those between", 40)
	})
}

// TestNobodyWaitsForAnEngineThatIsBusy holds that alerts are set and lines are taken whatever the engine looks at: policy is
// published behind that.
func TestNobodyWaitsForAnEngineThatIsBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		callOff := s.Busy()
		s.SetAlerts([]model.AuditAlert{all("a")}) // one that waits would wait for ever
		if err := s.Take(t.Context(), []audit.Line{{Event: many(1)[0]}}); err != nil {
			t.Error(err)
		}
		callOff()
		s.pass(time.Minute)
		s.want("then", 1)
	})
}

// TestWhoTakesAnAlertAwayIsToldOfByThatAlert holds that an alert tells of the edit that changes or removes it though it is about
// something else, also where the edit is of so much that it is not named, and not of other edits.
func TestWhoTakesAnAlertAwayIsToldOfByThatAlert(t *testing.T) {
	narrow := all("a")
	narrow.Events = []model.AlertEvents{{Objects: []model.AlertObject{{Kind: "AuthorizationPolicy"}}}}
	other := narrow
	other.Events = []model.AlertEvents{{Objects: []model.AlertObject{{Kind: "Sidecar"}}}}
	itself := audit.Object{Kind: "AuditAlert", Namespace: "istio-system", Name: "a", Change: "removed"}
	var crowd []audit.Object
	for i := range 50 {
		crowd = append(crowd, audit.Object{Kind: "AuditAlert", Namespace: "istio-system", Name: fmt.Sprint("x", i)})
	}
	for name, c := range map[string]struct {
		next    []model.AuditAlert
		objects []audit.Object
		want    []uint64
	}{
		"removed":             {nil, []audit.Object{itself}, []uint64{1}},
		"changed":             {[]model.AuditAlert{other}, []audit.Object{itself}, []uint64{1}},
		"with much else":      {nil, crowd, []uint64{1}},
		"the edit of another": {nil, crowd[:1], nil},
		"it stays":            {[]model.AuditAlert{narrow}, []audit.Object{itself}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(t, narrow)
				e := event(audit.GenerationRead, "the edit")
				e.Objects = c.objects
				s.record(event(audit.KeysFailed, "before")) // so that it is in force
				s.SetAlerts(c.next)
				s.record(e)
				s.pass(time.Hour)
				s.want(name, c.want...)
			})
		})
	}
}

// TestAnEditIsNotHiddenByTheNext holds that what an alert has to tell is told though the next edits take its sight away by another
// root namespace, or bring and remove so many alerts that some are forgotten.
func TestAnEditIsNotHiddenByTheNext(t *testing.T) {
	demoted := all("a")
	demoted.Namespace = demoted.Key.Namespace
	for name, next := range map[string]func(int) []model.AuditAlert{
		"another root namespace": func(int) []model.AuditAlert { return []model.AuditAlert{demoted} },
		"many alerts": func(i int) []model.AuditAlert {
			var out []model.AuditAlert
			for j := range model.MaxAlerts {
				a := all(fmt.Sprintf("0-%d-%d", i, j))
				a.Events = []model.AlertEvents{{Types: []string{"plane.started"}}}
				out = append(out, a)
			}
			return out
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(t, all("a"))
				s.record(event(audit.GenerationRead, "the edit"))
				for i := range 5 {
					s.pass(time.Millisecond)
					s.SetAlerts(next(i))
				}
				s.pass(time.Hour)
				s.want("the edit", 1)
			})
		})
	}
}

// TestAnEditIsToldOfHoweverLateItIsLookedAt holds that what counts for an alert that was removed is when something happened.
func TestAnEditIsToldOfHoweverLateItIsLookedAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := all("a")
		a.Events = []model.AlertEvents{{Types: []string{"keys.*"}}}
		s := newScene(t, a)
		s.pass(time.Second) // it is in force
		s.SetAlerts(nil)
		var lines []audit.Line
		for i := range 40 { // more than are looked at in one go
			e := event(audit.GatewayConnected, "one")
			if i == 39 {
				e = event(audit.KeysFailed, "two")
			}
			e.Time = time.Now()
			lines = append(lines, audit.Line{Event: e})
		}
		s.offset.Store(int64(time.Minute))
		if err := s.Take(t.Context(), lines); err != nil {
			t.Fatal(err)
		}
		s.pass(time.Hour)
		s.want("the edit", 1)
	})
}
