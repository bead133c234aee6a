package alert_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portreeve/portreeve/internal/audit"
	"github.com/portreeve/portreeve/translate/model"
)

// pick returns one of some.
func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// some returns up to n of some.
func some[T any](r *rand.Rand, n int, of ...T) []T {
	var out []T
	for range r.IntN(n + 1) {
		out = append(out, pick(r, of...))
	}
	return out
}

func randomEvent(r *rand.Rand) audit.Event {
	e := audit.Event{
		Type:    pick(r, audit.GenerationRead, audit.GenerationPublished, audit.GatewayRefused, audit.KeysFailed),
		Outcome: pick(r, audit.Success, audit.Refused, audit.Failure), Subject: pick(r, "one", "two", "three"), Namespaces: some(r, 2, "team", "other", "istio-system"),
	}
	for range r.IntN(3) {
		e.Objects = append(e.Objects, audit.Object{Kind: pick(r, "Gateway", "Secret"), Namespace: pick(r, "team", "other"), Name: pick(r, "a", "ab", "b")})
	}
	return e
}

func randomAlert(r *rand.Rand, i int) model.AuditAlert {
	a := all(fmt.Sprint("alert-", i))
	if r.IntN(2) == 0 {
		a.Namespace = pick(r, "team", "other")
		a.Key.Namespace = a.Namespace
	}
	a.GroupBy = some(r, 3, "type", "outcome", "namespace", "subject", "object")
	slices.Sort(a.GroupBy)
	a.GroupBy = slices.Compact(a.GroupBy)
	a.GroupWait, a.GroupInterval = pick(r, 0, time.Second, time.Minute), pick(r, time.Second, time.Minute, 10*time.Minute)
	a.Rate, a.Period = 1+r.IntN(5), pick(r, time.Minute, 20*time.Minute)
	a.Events = nil
	for range 1 + r.IntN(2) {
		m := model.AlertEvents{Types: some(r, 2, "generation.*", "*", "gateway.refused", "keys.*"), Outcomes: some(r, 2, "refused", "failure"), Namespaces: some(r, 1, "te*", "other", "*")}
		if r.IntN(3) == 0 {
			m.Objects = []model.AlertObject{{Kind: pick(r, "", "Gateway", "S*"), Namespace: pick(r, "", "team"), Name: pick(r, "a*", "b", "*")}}
		}
		a.Events = append(a.Events, m)
	}
	return a
}

// about says by other means than the engine whether an alert is to be told of an event.
func about(a model.AuditAlert, e audit.Event) bool {
	fits := func(pattern, value string) bool {
		head, more := strings.CutSuffix(pattern, "*")
		return pattern == "" || pattern == value || more && strings.HasPrefix(value, head)
	}
	visible := func(namespace string) bool { return a.Namespace == "" || a.Namespace == namespace }
	anyOf := func(patterns []string, values ...string) bool {
		for _, p := range patterns {
			for _, v := range values {
				if fits(p, v) {
					return true
				}
			}
		}
		return len(patterns) == 0
	}
	var namespaces []string
	var objects []audit.Object
	for _, n := range e.Namespaces {
		if visible(n) {
			namespaces = append(namespaces, n)
		}
	}
	for _, o := range e.Objects {
		if visible(o.Namespace) {
			objects = append(objects, o)
		}
	}
	if a.Namespace != "" && len(namespaces)+len(objects) == 0 {
		return false
	}
	if a.Namespace != "" && len(objects) > 0 {
		namespaces = []string{a.Namespace}
	}
	for _, m := range a.Events {
		named := len(m.Objects) == 0
		for _, want := range m.Objects {
			for _, o := range objects {
				named = named || fits(want.Kind, o.Kind) && fits(want.Namespace, o.Namespace) && fits(want.Name, o.Name)
			}
		}
		if named && anyOf(m.Types, string(e.Type)) && anyOf(m.Outcomes, string(e.Outcome)) && anyOf(m.Namespaces, namespaces...) {
			return true
		}
	}
	return false
}

// TestEachEventIsToldOnceByEachAlertAboutIt holds it over random events and alerts, in random time and with a webhook that
// fails now and then; that no more messages are sent than the rate allows; and that those of a group keep their distance.
func TestEachEventIsToldOnceByEachAlertAboutIt(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := rand.New(rand.NewPCG(seed, 1))
				var alerts []model.AuditAlert
				for i := range 8 {
					alerts = append(alerts, randomAlert(r, i))
				}
				s := newScene(t, alerts...)
				want := map[string][]string{}
				for range 60 {
					e := randomEvent(r)
					s.setDown(r.IntN(10) == 0)
					s.record(e)
					for _, a := range alerts {
						if about(a, e) {
							name := a.Key.Namespace + "/" + a.Key.Name
							want[name] = append(want[name], fmt.Sprint(s.seq))
						}
					}
					s.pass(time.Duration(r.Int64N(int64(pick(r, time.Second, time.Minute, 5*time.Minute)))))
				}
				s.setDown(false)
				s.pass(3 * time.Hour)
				for _, a := range alerts {
					checkTold(t, a, s.told(), want[a.Key.Namespace+"/"+a.Key.Name])
				}
			})
		})
	}
}

func checkTold(t *testing.T, a model.AuditAlert, messages []sent, want []string) {
	t.Helper()
	var got []string
	var times []time.Time
	groups := map[string]time.Time{}
	for _, m := range messages {
		if m.Subject != a.Key.Namespace+"/"+a.Key.Name {
			continue
		}
		if uint64(len(m.Data.Events)) != m.Data.Count {
			t.Errorf("%s: %d events are counted and %d named", m.Subject, m.Data.Count, len(m.Data.Events))
		}
		for _, e := range m.Data.Events {
			got = append(got, e.Sequence)
		}
		if times = append(times, m.At); len(times) > a.Rate && m.At.Sub(times[len(times)-1-a.Rate]) < a.Period {
			t.Errorf("%s: more than %d messages in %s", m.Subject, a.Rate, a.Period)
		}
		if group := fmt.Sprint(m.Data.Group); len(m.Data.Group) > 0 {
			if before, again := groups[group]; again && m.At.Sub(before) < a.GroupInterval {
				t.Errorf("%s: the group %s is told of twice in %s", m.Subject, group, m.At.Sub(before))
			}
			groups[group] = m.At
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s (%+v): told of %v, want %v", a.Key, a.Events, got, want)
	}
}
