package reload

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/internal/state"
	"github.com/portreeve/portreeve/translate/model"
)

// service is an object of which no gateway has anything.
const service = "kind: ServiceEntry\napiVersion: networking.istio.io/v1\nmetadata: {name: a, namespace: edge}\nspec: {hosts: [a.example], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS}\n"

// newBare returns a reloader without files, gateways and state.
func newBare(t *testing.T, now func() time.Time) *Reloader {
	t.Helper()
	r, err := New(Options{Settings: model.DefaultSettings(), Logger: slog.New(slog.DiscardHandler), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestAGroupIsRecalledWithWhatItWasServed holds that a generation which is newer, and not refused
// by what the files alone tell, does not take the place of the one that a group was served.
func TestAGroupIsRecalledWithWhatItWasServed(t *testing.T) {
	r := newBare(t, time.Now)
	group := func(name string) state.Group {
		return state.Group{Namespace: "istio-system", Labels: map[string]string{"app": name}}
	}
	told, none, gone, unsaid := group("told"), group("none"), group("gone"), group("unsaid")
	told.Serving, gone.Serving, unsaid.Unsaid = "old", "left out", true
	told.Standing, told.Connected, told.Seen = state.Listening, time.Hour, time.Unix(7, 0)
	file := func(text string) []state.File { return []state.File{{Path: "a.yaml", Content: []byte(text + service)}} }
	kept := r.reader.recall([]state.Generation{{Hash: "new", Files: file("# new\n"), Lost: []string{"p"}}, {Hash: "old", Files: file("# old\n")}})
	groups := recalled([]state.Group{told, none, gone, unsaid}, kept)
	got := map[string]string{}
	for _, g := range groups {
		got[g.gateway.Labels["app"]] = "nothing"
		if g.serving != nil {
			got[g.gateway.Labels["app"]] = strings.TrimSuffix(string(g.serving.files[0].Content), service)
		}
	}
	// What is not told, and what there was no room for, is the newest that is good, as ever.
	want := map[string]string{"told": "# old\n", "none": "nothing", "gone": "# new\n", "unsaid": "# new\n"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("served (-want +got):\n%s", diff)
	}
	r.history.kept, r.fleet.groups = kept, groups
	again := r.content()
	if diff := cmp.Diff([]string{"p"}, again.Generations[0].Lost); diff != "" {
		t.Errorf("lost directories (-want +got):\n%s", diff)
	}
	for _, g := range again.Groups {
		if g.Labels["app"] == "told" && (g.Serving != kept[1].Hash || g.Standing != told.Standing || g.Connected != told.Connected || !g.Seen.Equal(told.Seen)) {
			t.Errorf("kept again: %+v", g)
		}
	}
}

// TestAGroupOfAnUntoldStateHasTheNewestThatIsGood holds for a state directory of the first format,
// which names no generation and does not tell what a group was served.
func TestAGroupOfAnUntoldStateHasTheNewestThatIsGood(t *testing.T) {
	r := newBare(t, time.Now)
	file := func(text string) []state.File { return []state.File{{Path: "a.yaml", Content: []byte(text + service)}} }
	kept := r.reader.recall([]state.Generation{{Files: file("kind: [\n")}, {Files: file("# good\n")}, {Files: file("# older\n")}})
	for _, g := range recalled([]state.Group{{Namespace: "istio-system", Unsaid: true}}, kept) {
		if g.serving != kept[1] {
			t.Errorf("it is served %+v", g.serving)
		}
	}
}
