package audit_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/internal/audit"
)

// lineOf is the first line of a record.
func lineOf(e audit.Event) audit.Line {
	return audit.LineOf(audit.Options{Instance: "gate one/a", Version: "1.2.3"}, audit.Place{Hash: audit.Genesis}, e)
}

func TestALineIsACloudEvent(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 89, time.FixedZone("", 3600))
	line := lineOf(audit.Event{Type: audit.GatewayRefused, Time: at, Subject: "router~10.0.0.1~a.b~c", Outcome: audit.Refused, Message: "no <right> & no \"way\"\nin"})
	var e cloudevents.Event
	if err := json.Unmarshal(line.Bytes, &e); err != nil {
		t.Fatal(err)
	}
	if err := e.Validate(); err != nil {
		t.Fatal(err)
	}
	got := []string{e.SpecVersion(), e.ID(), e.Source(), e.Type(), e.Subject(), e.Time().Format(time.RFC3339Nano), e.DataContentType()}
	want := []string{"1.0", "run-1", "/portreeve/gate%20one%2Fa", "io.portreeve.gateway.refused", "router~10.0.0.1~a.b~c", "2026-03-04T04:06:07.000000089Z", "application/json"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
	extensions := map[string]any{"sequence": "00000000000000000001", "chainprev": audit.Genesis, "chainhash": line.Hash}
	if diff := cmp.Diff(extensions, e.Extensions()); diff != "" {
		t.Errorf("extensions (-want +got):\n%s", diff)
	}
	if strings.ContainsRune(string(line.Bytes), '\n') {
		t.Error("it is more than one line")
	}
}

func TestALineSaysItsHash(t *testing.T) {
	line := lineOf(audit.Event{Type: audit.KeysRotated})
	said, is, ok := audit.Hashed(line.Bytes)
	if !ok || said != is || said != line.Hash {
		t.Errorf("says %s, is %s, want %s (%v)", said, is, line.Hash, ok)
	}
	for i := range line.Bytes {
		changed := append([]byte{}, line.Bytes...)
		changed[i] ^= 1
		if said, is, ok := audit.Hashed(changed); ok && said == is {
			t.Fatalf("byte %d can be changed", i)
		}
	}
	for _, text := range []string{"", "{", `,"chainhash":"` + strings.Repeat("0", 64) + `"}`} {
		if _, _, ok := audit.Hashed([]byte(text)); ok {
			t.Errorf("%q is taken for a line", text)
		}
	}
}

func TestPayloadsAreOfTheSchema(t *testing.T) {
	const management, life = 3004, 6002
	for kind, want := range map[audit.Type]struct {
		class, activity int
		entity          string
	}{
		audit.PlaneStarted:        {life, 3, ""},
		audit.PlaneStopped:        {life, 4, ""},
		audit.GenerationRead:      {management, 2, "Policy"},
		audit.GenerationPublished: {management, 10, "Policy"},
		audit.GatewayConnected:    {management, 99, "Gateway"},
		audit.GatewayDisconnected: {management, 99, "Gateway"},
		audit.GatewayRefused:      {management, 99, "Gateway"},
		audit.ResponseRefused:     {management, 3, "Gateway"},
		audit.ResponseAccepted:    {management, 3, "Gateway"},
		audit.KeysRotated:         {management, 3, "Keys"},
		audit.KeysFailed:          {management, 2, "Keys"},
		audit.KeysFetched:         {management, 2, "Keys"},
		audit.CertificateChanged:  {management, 3, "Certificate"},
		audit.RolesChanged:        {management, 3, "Admin Roles"},
		audit.AdminRefused:        {management, 99, "Admin Interface"},
		audit.SinkFailed:          {management, 99, "Audit Sink"},
		audit.SinkRecovered:       {management, 99, "Audit Sink"},
		audit.EventsLost:          {management, 99, "Audit Record"},
		audit.ChainRecovered:      {management, 99, "Audit Record"},
		audit.ChainPruned:         {management, 4, "Audit Record"},
		audit.ChainSigned:         {management, 99, "Audit Record"},
	} {
		t.Run(string(kind), func(t *testing.T) {
			d := data(t, lineOf(audit.Event{Type: kind, Subject: "s", Outcome: audit.Success, Time: time.UnixMilli(1234)}))
			category := want.class / 1000
			for field, value := range map[string]any{
				"class_uid": want.class, "category_uid": category, "activity_id": want.activity, "type_uid": want.class*100 + want.activity,
				"severity_id": severity(kind), "status_id": 1, "time": 1234,
			} {
				if d[field] != float64(value.(int)) {
					t.Errorf("%s is %v, want %v", field, d[field], value)
				}
			}
			if name, _ := d["activity_name"].(string); name == "" {
				t.Error("the activity has no name")
			}
			entity, _ := d["entity"].(map[string]any)
			if want.entity != "" && (entity["type"] != want.entity || entity["uid"] != "s") {
				t.Errorf("entity %v", entity)
			}
			if _, app := d["app"]; app != (want.class == life) {
				t.Errorf("app is there: %v", app)
			}
			meta, _ := d["metadata"].(map[string]any)
			product, _ := meta["product"].(map[string]any)
			if meta["version"] == nil || product["name"] != "Portreeve" || product["vendor_name"] == nil || product["version"] != "1.2.3" || meta["uid"] != "run-1" || meta["sequence"] != 1.0 {
				t.Errorf("metadata %v", meta)
			}
		})
	}
}

func severity(kind audit.Type) int {
	if kind == audit.EventsLost || kind == audit.SinkFailed {
		return 4
	}
	return 1
}

func TestOutcomesAreStatusesOfTheSchema(t *testing.T) {
	for outcome, want := range map[audit.Outcome][2]float64{
		audit.Success: {1, 1}, audit.Served: {1, 1}, audit.Refused: {2, 3}, audit.Failure: {2, 3}, audit.Waiting: {99, 2}, "": {0, 1},
	} {
		d := data(t, lineOf(audit.Event{Type: audit.GenerationPublished, Outcome: outcome}))
		if got := [2]float64{d["status_id"].(float64), d["severity_id"].(float64)}; got != want {
			t.Errorf("%q: status and severity are %v, want %v", outcome, got, want)
		}
	}
}

func TestTheActorIsWhoWroteWhatWasRead(t *testing.T) {
	for name, c := range map[string]struct {
		actor audit.Actor
		want  string
	}{
		"committed":   {audit.Actor{Author: "Ada", Owner: "root", Committed: true}, "Ada"},
		"uncommitted": {audit.Actor{Author: "Ada", Owner: "root"}, "root"},
		"nobody":      {audit.Actor{Author: "Ada"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := data(t, lineOf(audit.Event{Type: audit.GenerationRead, Actors: []audit.Actor{c.actor}}))
			actor, _ := d["actor"].(map[string]any)
			user, _ := actor["user"].(map[string]any)
			if got, _ := user["name"].(string); got != c.want {
				t.Errorf("the actor is %q, want %q", got, c.want)
			}
		})
	}
}

// data is the payload of a line.
func data(t *testing.T, l audit.Line) map[string]any {
	t.Helper()
	var e struct {
		Data map[string]any `json:"data"`
	}
	if err := json.Unmarshal(l.Bytes, &e); err != nil {
		t.Fatal(err)
	}
	return e.Data
}

// enormous is an event with more of everything than there may be, of characters that take most room.
func enormous() audit.Event {
	long := strings.Repeat("\x01", 100_000)
	e := audit.Event{Type: audit.Type(long), Subject: long, Outcome: audit.Outcome(long), Message: long}
	for i := range 1_000 {
		e.Namespaces = append(e.Namespaces, long)
		e.Objects = append(e.Objects, audit.Object{Kind: long, Namespace: long, Name: long, File: long, Line: i, Change: long})
		e.Actors = append(e.Actors, audit.Actor{File: long, Commit: long, Author: long, Owner: long, Committed: true})
	}
	return e
}

func TestEveryEventIsBounded(t *testing.T) {
	for name, details := range map[string]any{
		"none": nil, "much": strings.Repeat("\x01", audit.MaxDetails/6-10), "too much": strings.Repeat("x", audit.MaxDetails), "what is no JSON": math.Inf(1), "a channel": make(chan int),
	} {
		t.Run(name, func(t *testing.T) {
			e := enormous()
			e.Details = details
			line := lineOf(e)
			if len(line.Bytes) > audit.MaxLine {
				t.Errorf("the line has %d bytes", len(line.Bytes))
			}
			own := data(t, line)["unmapped"].(map[string]any)["portreeve"].(map[string]any)
			counts := map[string]any{"namespaces": 1000.0, "objects": 1000.0, "actors": 1000.0}
			if diff := cmp.Diff(counts, own["counts"]); diff != "" {
				t.Errorf("counts (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBoundedCutsWhatIsLonger(t *testing.T) {
	e := enormous()
	e.More = audit.Counts{Namespaces: 1, Objects: 2, Actors: 3}
	got, counts := audit.Bounded(e)
	if len(got.Message) > audit.MaxMessage || len(got.Subject) > audit.MaxString || len(got.Objects) != audit.MaxObjects || len(got.Actors) != audit.MaxActors || len(got.Namespaces) != audit.MaxNamespaces {
		t.Errorf("%d bytes of message, %d of subject, %d objects, %d actors, %d namespaces", len(got.Message), len(got.Subject), len(got.Objects), len(got.Actors), len(got.Namespaces))
	}
	if counts != (audit.Counts{Namespaces: 1001, Objects: 1002, Actors: 1003}) {
		t.Errorf("counts %+v", counts)
	}
	for _, s := range []string{got.Objects[99].Kind, got.Objects[99].Namespace, got.Objects[99].Name, got.Objects[99].File, got.Objects[99].Change, got.Actors[99].File, got.Actors[99].Commit, got.Actors[99].Author, got.Actors[99].Owner, got.Namespaces[99], string(got.Type), string(got.Outcome)} {
		if len(s) > audit.MaxString || !strings.HasSuffix(s, "…") {
			t.Errorf("a string has %d bytes, and ends %q", len(s), s[len(s)-5:])
		}
	}
	if len(e.Objects) != 1000 || len(e.Objects[0].Kind) != 100_000 {
		t.Error("the event that was given is changed")
	}
}

func TestCutStringsStayUTF8(t *testing.T) {
	for i := range 8 {
		got, _ := audit.Bounded(audit.Event{Subject: strings.Repeat("x", i) + strings.Repeat("漢", 1_000), Message: "a\xffb"})
		if !utf8.ValidString(got.Subject) || len(got.Subject) > audit.MaxString || len(got.Subject) < audit.MaxString-4 {
			t.Errorf("%d bytes, valid: %v", len(got.Subject), utf8.ValidString(got.Subject))
		}
		if got.Message != "a?b" {
			t.Errorf("message %q", got.Message)
		}
	}
}

func TestWhatIsWithinItsBoundsStaysAsItIs(t *testing.T) {
	e := audit.Event{
		Type: audit.GenerationRead, Time: time.Unix(1, 0), Subject: strings.Repeat("s", audit.MaxString), Outcome: audit.Success, Message: "m",
		Namespaces: []string{"a"}, Objects: []audit.Object{{Kind: "k", Name: "n", Line: 1}}, Actors: []audit.Actor{{File: "f"}}, Details: "d",
	}
	got, _ := audit.Bounded(e)
	if diff := cmp.Diff(e, got); diff != "" {
		t.Errorf("(-was +is):\n%s", diff)
	}
}
