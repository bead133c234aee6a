package origin_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/internal/audit"
	"github.com/portreeve/portreeve/internal/audit/origin"
	"github.com/portreeve/portreeve/internal/audit/who"
	"github.com/portreeve/portreeve/internal/reload"
	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
	"github.com/portreeve/portreeve/translate/source"
)

// events keeps what is recorded. Each is told to next.
type events struct {
	next  chan audit.Event
	fails error
}

func newEvents() *events { return &events{next: make(chan audit.Event, 1<<17)} }

func (r *events) Record(e audit.Event) { r.next <- e }

func (r *events) Require(_ context.Context, e audit.Event) error {
	if r.fails == nil {
		r.next <- e
	}
	return r.fails
}

// asked answers who changed files once it may, and notes of which it was asked.
type asked struct {
	begun, may chan struct{}
	files      []who.File
}

func (a *asked) Of(ctx context.Context, files []who.File) []audit.Actor {
	a.files = files
	close(a.begun)
	select {
	case <-a.may:
		return []audit.Actor{{File: "a.yaml", Author: "Ann"}}
	case <-ctx.Done():
		return nil
	}
}

type nobody struct{}

func (nobody) Of(context.Context, []who.File) []audit.Actor { return nil }

// following starts what records, and ends it with the test.
func following(t *testing.T, o origin.GenerationsOptions) (g *origin.Generations, end func()) {
	t.Helper()
	g = origin.NewGenerations(o)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	end = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(end)
	return g, end
}

func readOf(seq uint64) reload.GenerationRead {
	changed := source.File{Path: "a.yaml", Content: []byte("of-the-file")}
	return reload.GenerationRead{
		Reading: reload.Reading{Seq: seq, Hash: fmt.Sprintf("hash-%d", seq), At: time.Unix(100, 0)}, Attempt: 1,
		Files: reload.FileChanges{Changed: reload.Several{Total: 1, First: []source.File{changed}}, Removed: reload.Several{Total: 1, First: []source.File{{Path: "b.yaml"}}}},
	}
}

func joined(key string) reload.GenerationPublished {
	return reload.GenerationPublished{Cause: reload.CauseJoined, Changed: 1, Groups: []reload.GroupStanding{{Key: key, Namespace: "edge", Standing: reload.Served, Serving: &reload.Reading{Seq: 1, Hash: "hash-1"}}}}
}

// TestNoEditWaitsUntilItIsKnownWhoMadeIt holds, and that what is told meanwhile is recorded behind it.
func TestNoEditWaitsUntilItIsKnownWhoMadeIt(t *testing.T) {
	r, a := newEvents(), &asked{begun: make(chan struct{}), may: make(chan struct{})}
	g, _ := following(t, origin.GenerationsOptions{Record: r, Changed: a})
	if err := g.Read(t.Context(), readOf(1)); err != nil {
		t.Fatal(err)
	}
	<-a.begun
	g.Published(joined("edge{}"))
	if n := len(r.next); n != 0 {
		t.Errorf("%d events are recorded before it is known who made the first", n)
	}
	close(a.may)
	first, second := <-r.next, <-r.next
	if first.Type != audit.GenerationRead || len(first.Actors) != 1 || first.Actors[0].Author != "Ann" || second.Type != audit.GenerationPublished {
		t.Errorf("recorded %+v, then %+v", first, second)
	}
	if diff := cmp.Diff([]who.File{{Path: "a.yaml", Content: []byte("of-the-file")}, {Path: "b.yaml", Gone: true}}, a.files); diff != "" {
		t.Errorf("asked of (-want +got):\n%s", diff)
	}
}

// TestNobodyIsAskedWhileTooMuchWaits holds, so that a slow answer does not hold up more and more.
func TestNobodyIsAskedWhileTooMuchWaits(t *testing.T) {
	r, a := newEvents(), &asked{begun: make(chan struct{}), may: make(chan struct{})}
	g := origin.NewGenerations(origin.GenerationsOptions{Record: r, Changed: a})
	if err := g.Read(t.Context(), readOf(1)); err != nil {
		t.Fatal(err)
	}
	for range 4097 {
		g.Published(joined("one{}"))
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	for range 4098 {
		<-r.next
	}
	cancel()
	if err := <-done; err != nil || a.files != nil {
		t.Errorf("%v, asked of %d files", err, len(a.files))
	}
}

// TestARequiredRecordIsWaitedFor holds: for what it says, and no longer than the caller does.
func TestARequiredRecordIsWaitedFor(t *testing.T) {
	r := newEvents()
	g, _ := following(t, origin.GenerationsOptions{Record: r, Changed: nobody{}, Require: true})
	if err := g.Read(t.Context(), readOf(1)); err != nil || len(r.next) != 1 {
		t.Errorf("%v, with %d events recorded", err, len(r.next))
	}
	r.fails = errors.New("the disk is full")
	if err := g.Read(t.Context(), readOf(2)); !errors.Is(err, r.fails) || len(r.next) != 1 {
		t.Errorf("%v, with %d events recorded", err, len(r.next))
	}

	a := &asked{begun: make(chan struct{}), may: make(chan struct{})}
	slow, _ := following(t, origin.GenerationsOptions{Record: newEvents(), Changed: a, Require: true})
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error)
	go func() { failed <- slow.Read(ctx, readOf(1)) }()
	<-a.begun
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestWhatIsToldAtTheEndIsRecorded holds: what waits then, and what comes afterwards. What has to be kept is not taken.
func TestWhatIsToldAtTheEndIsRecorded(t *testing.T) {
	r := newEvents()
	g := origin.NewGenerations(origin.GenerationsOptions{Record: r, Changed: nobody{}})
	g.Published(joined("one{}"))
	g.Published(joined("two{}"))
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := g.Run(over); err != nil {
		t.Fatal(err)
	}
	g.Published(joined("three{}"))
	var got []string
	for len(r.next) > 0 {
		got = append(got, (<-r.next).Details.(origin.PublishedDetails).Groups[0].Group)
	}
	if diff := cmp.Diff([]string{"one{}", "two{}", "three{}"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	required := origin.NewGenerations(origin.GenerationsOptions{Record: r, Changed: nobody{}, Require: true})
	if err := required.Run(over); err != nil {
		t.Fatal(err)
	}
	if err := required.Read(t.Context(), readOf(1)); err == nil {
		t.Error("a generation that has to be kept is taken although nobody records it")
	}
}

// TestWhatWaitsToBeRecordedIsBounded holds, and that what is lost is counted, in its place.
func TestWhatWaitsToBeRecordedIsBounded(t *testing.T) {
	r := newEvents()
	g := origin.NewGenerations(origin.GenerationsOptions{Record: r, Changed: nobody{}})
	const most = 65_536
	for range most + 3 {
		g.Published(joined("one{}"))
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := g.Run(over); err != nil {
		t.Fatal(err)
	}
	if n := len(r.next); n != most+1 {
		t.Fatalf("%d events, want %d and one of what is lost", n, most)
	}
	for range most {
		<-r.next
	}
	if e := <-r.next; e.Type != audit.EventsLost || e.Details.(audit.Lost).Events != 3 {
		t.Errorf("the last is %+v", e)
	}
}

// TestTheEventOfAGeneration holds for what is said of it, and that nothing of what files hold is.
func TestTheEventOfAGeneration(t *testing.T) {
	r := newEvents()
	g, _ := following(t, origin.GenerationsOptions{Record: r, Changed: nobody{}})
	read := readOf(3)
	object := translate.Written{Object: "AuthorizationPolicy shop/guard", Key: resource.Key{Kind: "AuthorizationPolicy", Namespace: "shop", Name: "guard"}, Pos: diag.Position{File: "a.yaml", Line: 3, Column: 18}}
	read.Attempt, read.Changes.Changed = 2, translate.Objects{Total: 1, Named: []translate.Written{object}}
	wrong := diag.New(diag.CodeYAML, diag.Position{File: "c.yaml", Line: 1}, "a mistake")
	wrong.Object = "VirtualService edge/routes"
	read.Errors, read.Findings = 1, diag.List{wrong}
	read.Certificates = []reload.CertificateChange{{Namespace: "edge", Name: "web", File: "s.yaml", Before: []string{"aa"}, Now: []string{"bb"}}}
	if err := g.Read(t.Context(), read); err != nil {
		t.Fatal(err)
	}
	e, certificate := <-r.next, <-r.next
	if diff := cmp.Diff([]audit.Object{
		{Kind: "AuthorizationPolicy", Namespace: "shop", Name: "guard", File: "a.yaml", Line: 3, Column: 18, Change: "changed"},
		{Kind: "VirtualService", Namespace: "edge", Name: "routes", File: "c.yaml", Line: 1},
	}, e.Objects); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
	if e.Outcome != audit.Refused || e.Subject != "hash-3" || !e.Time.Equal(read.At) || !cmp.Equal(e.Namespaces, []string{"edge", "shop"}) {
		t.Errorf("recorded %+v", e)
	}
	if certificate.Type != audit.CertificateChanged || certificate.Subject != "Secret edge/web" || !cmp.Equal(certificate.Namespaces, []string{"edge"}) {
		t.Errorf("recorded %+v", certificate)
	}
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"attempt":2`, `"changedPaths":["a.yaml"]`, `"removedPaths":["b.yaml"]`, `"position":"c.yaml:1"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("it lacks %s: %s", want, text)
		}
	}
	if strings.Contains(string(text), "of-the-file") {
		t.Errorf("what a file holds is told: %s", text)
	}
}

// TestAnEditDoesNotHideAmongMany holds: how many objects and namespaces an event may be about beside those that it lists is told,
// so that who looks for one of them finds it.
func TestAnEditDoesNotHideAmongMany(t *testing.T) {
	r := newEvents()
	g, _ := following(t, origin.GenerationsOptions{Record: r, Changed: nobody{}})
	read := readOf(1)
	named := make([]translate.Written, 50)
	read.Changes = translate.Changes{Added: translate.Objects{Total: 200}, Changed: translate.Objects{Total: 60, Named: named}, Removed: translate.Objects{Total: 50, Named: named}}
	read.Errors = 130
	for i := range 100 {
		d := diag.Diagnostic{Severity: diag.Error, Object: fmt.Sprintf("Gateway edge/g%d", i)}
		read.Findings = append(read.Findings, d)
	}
	if err := g.Read(t.Context(), read); err != nil {
		t.Fatal(err)
	}
	// 310 that changed and 75 of them listed, 25 of 100 errors that are told, 30 errors that are not.
	if e := <-r.next; len(e.Objects) != 100 || e.More != (audit.Counts{Objects: 310 - 75 + 75 + 30, Namespaces: 310 - 75 + 75 + 30}) {
		t.Errorf("%d objects, more: %+v", len(e.Objects), e.More)
	}
	few := readOf(2)
	few.Changes.Changed = translate.Objects{Total: 50, Named: named}
	few.Errors, few.Findings = 1, diag.List{{Severity: diag.Error, Message: "of no object"}, {Severity: diag.Warning}}
	if err := g.Read(t.Context(), few); err != nil {
		t.Fatal(err)
	}
	if e := <-r.next; e.More != (audit.Counts{}) {
		t.Errorf("all are listed, more: %+v", e.More)
	}
	published := joined("edge{}")
	published.Changed = 101
	g.Published(published)
	if e := <-r.next; e.More != (audit.Counts{Namespaces: 100}) {
		t.Errorf("of 101 groups one is listed, more: %+v", e.More)
	}
}

// TestTheOutcomeIsTheWorst holds for what groups are served.
func TestTheOutcomeIsTheWorst(t *testing.T) {
	r := newEvents()
	g, _ := following(t, origin.GenerationsOptions{Record: r, Changed: nobody{}})
	for _, c := range []struct {
		standings []reload.Standing
		want      audit.Outcome
	}{
		{nil, audit.Success}, {[]reload.Standing{reload.Left}, audit.Success}, {[]reload.Standing{reload.Served}, audit.Served}, {[]reload.Standing{reload.Waiting, reload.Served}, audit.Waiting},
		{[]reload.Standing{reload.Refused, reload.Waiting}, audit.Refused}, {[]reload.Standing{reload.Refused, reload.Failed}, audit.Failure},
	} {
		var p reload.GenerationPublished
		for _, s := range c.standings {
			p.Groups = append(p.Groups, reload.GroupStanding{Standing: s})
		}
		if g.Published(p); (<-r.next).Outcome != c.want {
			t.Errorf("%v: the outcome is not %s", c.standings, c.want)
		}
	}
}

// TestDetailsAreNeverTooLong holds for as much as is ever told, with names as long as they may be.
func TestDetailsAreNeverTooLong(t *testing.T) {
	r := newEvents()
	g, _ := following(t, origin.GenerationsOptions{Record: r, Changed: nobody{}})
	long, read, published := strings.Repeat("<x>", 4000), readOf(1), reload.GenerationPublished{}
	for i := range 100 {
		file := source.File{Path: fmt.Sprint(i, long)}
		for _, s := range []*reload.Several{&read.Files.Added, &read.Files.Changed, &read.Files.Removed, &read.Files.Unread} {
			s.First = append(s.First, file)
		}
		wrong := diag.New(diag.CodeYAML, diag.Position{File: long}, "%s", long)
		wrong.Object = long
		read.Findings = append(read.Findings, wrong)
		published.Groups = append(published.Groups, reload.GroupStanding{Key: long, Namespace: long, Refused: read.Findings[:min(10, i+1)], Waiting: []string{long, long}})
	}
	if err := g.Read(t.Context(), read); err != nil {
		t.Fatal(err)
	}
	g.Published(published)
	for range 2 {
		e := <-r.next
		text, err := json.Marshal(e.Details)
		if err != nil || len(text) > audit.MaxDetails || len(text) < audit.MaxDetails/4 {
			t.Errorf("%s: %d bytes, %v", e.Type, len(text), err)
		}
	}
}
