package reload

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/portreeve/portreeve/internal/input"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
	"github.com/portreeve/portreeve/xds/node"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// rendering is a reloader over one file, of which every rendering is noted.
type rendering struct {
	*Reloader
	t *testing.T
	// text is the file, keys what was fetched.
	text string
	keys model.Keys
	// sent and rendered count by the label app of a gateway.
	sent, rendered map[string]int
	// unfit is the gateway for which rendering a file tells of an error, and by which word in it.
	unfit, word string
}

func newRendering(t *testing.T) *rendering {
	t.Helper()
	s := &rendering{t: t, sent: map[string]int{}, rendered: map[string]int{}}
	r, err := New(Options{
		Files: s, Publisher: s, Settings: model.DefaultSettings(), Keyring: s, Logger: slog.New(slog.DiscardHandler), Metrics: NewMetrics(prometheus.NewRegistry()), Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Reloader = r
	r.fleet.render = func(g *Generation, gateway model.Gateway) (envoy.Resources, diag.List) {
		app := gateway.Labels["app"]
		s.rendered[app]++
		if app == s.unfit && strings.Contains(string(g.files[0].Content), s.word) {
			return envoy.Resources{}, diag.List{diag.New(diag.CodeYAML, diag.Position{File: "a.yaml", Line: 1}, "Envoy would refuse it")}
		}
		return g.render(gateway)
	}
	return s
}

func (s *rendering) Read(input.Change) input.Reading {
	return input.Reading{Files: []source.File{{Path: "a.yaml", Content: []byte(s.text)}}}
}

func (s *rendering) Set(_ context.Context, group string, _ *snapshot.Snapshot) error {
	for _, g := range s.fleet.groups {
		if g.key == group {
			s.sent[g.gateway.Labels["app"]]++
		}
	}
	return nil
}

func (s *rendering) Resume(string, *snapshot.Snapshot)   {}
func (s *rendering) Want([]model.KeyRequest)             {}
func (s *rendering) Keys() model.Keys                    { return s.keys }
func (s *rendering) Awaited() map[model.KeySource]string { return nil }
func (s *rendering) gateway(app string) node.Group {
	return node.Of(model.Gateway{Namespace: "istio-system", Labels: map[string]string{"app": app}})
}

// edit reads another text of the file.
func (s *rendering) edit(action, comment string) {
	s.t.Helper()
	s.text = "# " + comment + "\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a, namespace: istio-system}\nspec: {action: " + action + ", rules: [{}]}\n"
	if err := s.Reload(s.t.Context(), input.Change{}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *rendering) rotate() {
	s.t.Helper()
	if err := s.RotateKeys(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// did holds what was rendered, and what was sent, since it was asked last.
func (s *rendering) did(what string, rendered, sent map[string]int) {
	s.t.Helper()
	if diff := cmp.Diff(rendered, s.rendered); diff != "" {
		s.t.Errorf("%s: rendered (-want +got):\n%s", what, diff)
	}
	if diff := cmp.Diff(sent, s.sent); diff != "" {
		s.t.Errorf("%s: sent (-want +got):\n%s", what, diff)
	}
	s.rendered, s.sent = map[string]int{}, map[string]int{}
}

func (s *rendering) newKeys() {
	s.keys = model.Keys{{URI: "https://a.example/keys"}: time.Now().String()}
}

// TestOnlyWhatIsToBeSentIsRendered holds for what is refused, what is served already, and for a group
// without a gateway, which is moved on only by what was rendered for it.
func TestOnlyWhatIsToBeSentIsRendered(t *testing.T) {
	s := newRendering(t)
	none := map[string]int{}
	s.edit("DENY", "first")
	for _, app := range []string{"one", "two", "gone"} {
		s.Join(s.gateway(app))
	}
	s.Leave(s.gateway("gone"))
	s.did("at first", map[string]int{"one": 1, "two": 1, "gone": 1}, map[string]int{"one": 1, "two": 1, "gone": 1})
	s.rotate()
	s.did("the same keys", none, none)
	s.newKeys()
	s.rotate()
	s.did("other keys", map[string]int{"one": 1, "two": 1}, map[string]int{"one": 1, "two": 1})
	s.edit("DENNY", "broken")
	s.did("a broken edit", none, none)
	s.rotate()
	s.did("the same keys while an edit is refused", none, none)
	s.edit("DENY", "mended")
	s.did("a good edit", map[string]int{"one": 1, "two": 1, "gone": 1}, map[string]int{"one": 1, "two": 1})
	s.Join(s.gateway("gone"))
	s.did("a gateway that comes back", map[string]int{"gone": 1}, map[string]int{"gone": 1})
}

// TestAnErrorThatRenderingTellsRefusesThatGatewayAlone holds that it stays on its last good policy, with
// the keys of the day and also when it has gone and comes back, that the others move on, and that what
// is refused so is not rendered again and again.
func TestAnErrorThatRenderingTellsRefusesThatGatewayAlone(t *testing.T) {
	s := newRendering(t)
	s.unfit, s.word = "unfit", "hostile"
	none := map[string]int{}
	s.edit("DENY", "first")
	s.Join(s.gateway("fit"))
	s.Join(s.gateway("unfit"))
	s.did("at first", map[string]int{"fit": 1, "unfit": 1}, map[string]int{"fit": 1, "unfit": 1})
	stays := func(what string) {
		t.Helper()
		status := s.Status()
		for _, g := range status.Groups {
			if unfit := g.Labels["app"] == "unfit"; unfit != (len(g.Refused) == 1) || g.Serving == nil || unfit != (g.Serving.Seq == 1) {
				t.Errorf("%s: %+v", what, g)
			}
		}
	}
	s.edit("DENY", "hostile")
	s.did("a hostile edit", map[string]int{"fit": 1, "unfit": 1}, map[string]int{"fit": 1})
	stays("a hostile edit")
	s.rotate()
	s.did("the same keys", none, none)
	s.newKeys()
	s.rotate()
	s.did("other keys", map[string]int{"fit": 1, "unfit": 2}, map[string]int{"fit": 1, "unfit": 1})
	stays("other keys")

	s.Leave(s.gateway("unfit"))
	s.edit("DENY", "hostile too")
	s.did("a hostile edit while it is away", map[string]int{"fit": 1, "unfit": 1}, map[string]int{"fit": 1})
	s.Join(s.gateway("unfit"))
	s.did("it comes back", map[string]int{"unfit": 1}, map[string]int{"unfit": 1})
	stays("it comes back")
	s.edit("DENY", "mended")
	s.did("mended", map[string]int{"fit": 1, "unfit": 1}, map[string]int{"fit": 1, "unfit": 1})
	for _, g := range s.Status().Groups {
		if len(g.Refused) > 0 || g.Serving.Seq != 4 {
			t.Errorf("mended: %+v", g)
		}
	}
	for _, g := range s.fleet.groups {
		if s.rotate(); len(g.unservable) > 0 {
			t.Errorf("%d generations are remembered that nobody keeps", len(g.unservable))
		}
	}
}
