package alert_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portreeve/portreeve/internal/audit"
	"github.com/portreeve/portreeve/internal/audit/alert"
	"github.com/portreeve/portreeve/translate/model"
)

// secret stands in all that is of another team.
const secret = "theirs"

// ofTeam is an alert of a namespace about everything.
func ofTeam(namespace string) model.AuditAlert {
	a := all("own")
	a.Key.Namespace, a.Namespace = namespace, namespace
	return a
}

// TestATeamReadsNothingOfAnother holds what an alert outside of the root namespace tells of an event, of which it is told
// where any of it is of its own namespace.
func TestATeamReadsNothingOfAnother(t *testing.T) {
	own, other := audit.Object{Kind: "Gateway", Namespace: "team", Name: "ours"}, audit.Object{Kind: "Gateway", Namespace: secret, Name: secret, File: secret + ".yaml"}
	for name, c := range map[string]struct {
		event audit.Event
		told  bool
		whole bool
	}{
		"its own":                     {audit.Event{Namespaces: []string{"team"}, Objects: []audit.Object{own}, Subject: "subject", Message: "message"}, true, true},
		"its own, by an object alone": {audit.Event{Objects: []audit.Object{own}, Subject: "subject", Message: "message"}, true, true},
		"another's":                   {audit.Event{Namespaces: []string{secret}, Objects: []audit.Object{other}, Subject: secret}, false, false},
		"nobody's":                    {audit.Event{Subject: secret, Message: secret}, false, false},
		"of the mesh":                 {audit.Event{Objects: []audit.Object{{Kind: "MeshConfig", Name: secret}}}, false, false},
		"of both": {audit.Event{
			Namespaces: []string{"team", secret}, Objects: []audit.Object{other, own}, Subject: secret, Message: secret,
			Actors: []audit.Actor{{Author: secret}}, Details: map[string]string{"a": secret},
		}, true, false},
		"of both, by a namespace":  {audit.Event{Namespaces: []string{"team", secret}, Objects: []audit.Object{own}, Subject: secret, Message: secret}, true, false},
		"of both, by an object":    {audit.Event{Namespaces: []string{"team"}, Objects: []audit.Object{own, other}, Subject: secret, Message: secret}, true, false},
		"more than it lists":       {audit.Event{Namespaces: []string{secret}, Objects: slices.Repeat([]audit.Object{other}, 50), Subject: secret, Message: secret}, true, false},
		"of more namespaces":       {audit.Event{Namespaces: slices.Repeat([]string{secret}, audit.MaxNamespaces), Message: secret}, true, false},
		"more than it names":       {audit.Event{Namespaces: []string{secret}, Objects: []audit.Object{other}, More: audit.Counts{Namespaces: 1}, Subject: secret, Message: secret}, true, false},
		"its own and perhaps more": {audit.Event{Namespaces: []string{"team"}, Objects: slices.Repeat([]audit.Object{own}, 50), Message: secret}, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := ofTeam("team")
				a.GroupBy = []string{"type", "outcome", "namespace", "subject", "object"}
				s := newScene(t, a)
				c.event.Type, c.event.Outcome = audit.GenerationRead, audit.Refused
				s.record(c.event)
				s.pass(time.Minute)
				if told := len(s.told()) == 1; told != c.told {
					t.Fatalf("told %v: %v", told, s.raw)
				}
				text := strings.Join(s.raw, "")
				if strings.Contains(text, secret) || c.told && !strings.Contains(text, "run-1") || c.whole != strings.Contains(text, "subject\":\"subject") {
					t.Errorf("it was told %s", text)
				}
			})
		})
	}
}

// TestAllThatAnEntryGivesHasToHold holds how entries, lists and objects are joined, and what patterns are.
func TestAllThatAnEntryGivesHasToHold(t *testing.T) {
	e := audit.Event{
		Type: audit.GenerationRead, Outcome: audit.Refused, Namespaces: []string{"a", "b"},
		Objects: []audit.Object{{Kind: "Gateway", Namespace: "a", Name: "one"}, {Kind: "AuthorizationPolicy", Namespace: "b", Name: "two"}},
	}
	types := func(t ...string) model.AlertEvents { return model.AlertEvents{Types: t} }
	objects := func(o ...model.AlertObject) model.AlertEvents { return model.AlertEvents{Objects: o} }
	for name, c := range map[string]struct {
		events []model.AlertEvents
		want   bool
	}{
		"nothing":               {nil, false},
		"the type":              {[]model.AlertEvents{types("generation.read")}, true},
		"its beginning":         {[]model.AlertEvents{types("generation")}, false},
		"a pattern":             {[]model.AlertEvents{types("generation.*")}, true},
		"one of the types":      {[]model.AlertEvents{types("keys.*", "generation.r???")}, true},
		"one of the entries":    {[]model.AlertEvents{types("keys.*"), types("*.read")}, true},
		"type and outcome":      {[]model.AlertEvents{{Types: []string{"*"}, Outcomes: []string{"refused"}}}, true},
		"another outcome":       {[]model.AlertEvents{{Types: []string{"*"}, Outcomes: []string{"served", "failure"}}}, false},
		"a namespace":           {[]model.AlertEvents{{Namespaces: []string{"x", "[bc]"}}}, true},
		"another namespace":     {[]model.AlertEvents{{Namespaces: []string{"c*"}}}, false},
		"an object":             {[]model.AlertEvents{objects(model.AlertObject{Kind: "Gateway", Namespace: "a", Name: "o*"})}, true},
		"of two objects":        {[]model.AlertEvents{objects(model.AlertObject{Kind: "Gateway", Namespace: "b"})}, false},
		"objects in two":        {[]model.AlertEvents{objects(model.AlertObject{Name: "none"}, model.AlertObject{Name: "two"})}, true},
		"outcome and no object": {[]model.AlertEvents{{Outcomes: []string{"refused"}, Objects: []model.AlertObject{{Name: "none"}}}}, false},
		"no pattern":            {[]model.AlertEvents{types("[")}, false},
	} {
		a := all("a")
		a.Events = c.events
		if _, got := alert.Seen(&a, e); got != c.want {
			t.Errorf("%s: matches %v, want %v", name, got, c.want)
		}
	}
	e.Objects = slices.Repeat(e.Objects, 25)
	a := all("a")
	a.Events = []model.AlertEvents{objects(model.AlertObject{Name: "none"})}
	if _, got := alert.Seen(&a, e); !got {
		t.Error("an event that may be about more objects than it lists is not told of")
	}
}

// FuzzSee holds for any event and alert that nothing panics, that a team reads nothing of another, and that an alert about
// everything is told all that is of its namespace.
func FuzzSee(f *testing.F) {
	f.Add("generation.*", "generation.read", "refused", "team", "other", "a", uint8(3))
	f.Add("[a-", "keys.failed", "", "", "", "*", uint8(200))
	f.Add("*", "", "\xff", "team", "team", "?", uint8(50))
	f.Fuzz(func(t *testing.T, pattern, kind, outcome, first, second, name string, n uint8) {
		e := audit.Event{Type: audit.Type(kind), Outcome: audit.Outcome(outcome), Message: first + second, Subject: second, Namespaces: []string{first, second}}
		for i := range n {
			e.Objects = append(e.Objects, audit.Object{Kind: kind, Namespace: []string{first, second}[i%2], Name: fmt.Sprint(name, i)})
		}
		narrow, wide := ofTeam("team"), ofTeam("team")
		narrow.Events = []model.AlertEvents{{Types: []string{pattern}, Outcomes: []string{outcome}, Namespaces: []string{pattern}, Objects: []model.AlertObject{{Kind: pattern, Namespace: pattern, Name: pattern}}}}
		wide.Events = []model.AlertEvents{{}}
		_, some := alert.Seen(&narrow, e)
		got, told := alert.Seen(&wide, e)
		if some && !told {
			t.Error("an alert about some events is told of one that one about all is not told of")
		}
		if own := first == "team" || second == "team"; own && !told {
			t.Error("it is not told of its own namespace")
		}
		if foreign := first != "team" || second != "team"; foreign && (got.Subject != "" || strings.Contains(got.Message, "theirs") ||
			slices.ContainsFunc(got.Namespaces, func(n string) bool { return n != "team" }) || slices.ContainsFunc(got.Objects, func(o audit.Object) bool { return o.Namespace != "team" })) {
			t.Errorf("it reads %+v", got)
		}
	})
}
