package reload_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/portreeve/portreeve/internal/input"
	"github.com/portreeve/portreeve/internal/reload"
	"github.com/portreeve/portreeve/internal/state"
	"github.com/portreeve/portreeve/translate/model"
)

// watcher remembers which alerts were in force, as name and type of each.
type watcher struct {
	mu  sync.Mutex
	set []string
}

func (w *watcher) SetAlerts(alerts []model.AuditAlert) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var names []string
	for _, a := range alerts {
		names = append(names, a.Key.Name+" "+a.Events[0].Types[0])
	}
	slices.Sort(names)
	w.set = append(w.set, strings.Join(names, ", "))
}

func (w *watcher) told() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.set)
}

// alarmed is a reloader whose alerts are looked at.
type alarmed struct {
	guarded
	watcher *watcher
}

func newAlarmed(t *testing.T, kept *state.Dir, dir string) alarmed {
	t.Helper()
	a := alarmed{guarded: guarded{access: &access{}, publisher: &publisher{sent: map[string][]map[string]string{}}, log: &bytes.Buffer{}}, watcher: &watcher{}}
	settings := model.DefaultSettings()
	settings.Webhooks = []string{"ops"}
	var err error
	a.Reloader, err = reload.New(reload.Options{
		Publisher: a.publisher, Files: files(input.Options{Dirs: []string{dir}}), Settings: settings, Keyring: &keyring{}, Alerts: a.watcher, State: kept,
		Logger: slog.New(slog.NewTextHandler(a.log, nil)), Metrics: reload.NewMetrics(prometheus.NewRegistry()), Now: time.Now,
	})
	must(t, err)
	return a
}

func (a alarmed) want(t *testing.T, when string, want ...string) {
	t.Helper()
	if d := cmp.Diff(want, a.watcher.told()); d != "" {
		t.Errorf("%s (-want +told):\n%s", when, d)
	}
}

func auditAlert(name, types string) string {
	return fmt.Sprintf("apiVersion: portreeve.dev/v1alpha1\nkind: AuditAlert\nmetadata: {name: %s, namespace: istio-system}\nspec: {events: [{types: [%s]}], webhook: ops}\n", name, types)
}

// TestAlertsInForce holds that a mistake silences no alert, holds no other one back, and keeps no gateway from its policy.
func TestAlertsInForce(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "gateway.yaml", listener)
	write(t, dir, "a.yaml", auditAlert("a", "keys.*"))
	write(t, dir, "p.yaml", policy("p", "/p"))
	g := newAlarmed(t, nil, dir)
	must(t, g.Reload(t.Context(), input.Change{}))
	g.Join(group())
	g.want(t, "at the start", "a keys.*")
	for _, c := range []struct {
		name, file, content string
		want                []string
		kept                int
	}{
		{"another one", "b.yaml", auditAlert("b", "gateway.*"), []string{"a keys.*, b gateway.*"}, 0},
		{"an edit of policy", "p.yaml", policy("p", "/other"), nil, 0},
		{"a broken one", "b.yaml", strings.Replace(auditAlert("b", "response.*"), "events", "event", 1), nil, 1},
		{"an edit of the other", "a.yaml", auditAlert("a", "audit.*"), []string{"a audit.*, b gateway.*"}, 1},
		{"a webhook that there is not", "a.yaml", strings.Replace(auditAlert("a", "audit.*"), "ops", "none", 1), nil, 2},
		{"half a file", "b.yaml", "kind: [", nil, 2},
		{"put right", "b.yaml", auditAlert("b", "response.*"), []string{"a audit.*, b response.*"}, 1},
		{"the other too", "a.yaml", auditAlert("a", "audit.*"), nil, 0},
		{"policy for all that is broken", "p.yaml", strings.Replace(policy("p", "/p"), "action", "actoin", 1), nil, 0},
		{"an alert beside it", "a.yaml", auditAlert("a", "plane.*"), []string{"a plane.*, b response.*"}, 0},
		{"one deleted", "b.yaml", "", []string{"a plane.*"}, 0},
		{"the last one deleted", "a.yaml", "", []string{""}, 0},
	} {
		before := g.watcher.told()
		g.edit(t, dir, c.file, c.content)
		g.want(t, c.name, append(before, c.want...)...)
		if s := g.Status().Alerts; s == nil || len(s.Kept) != c.kept || s.Generation.Seq == 0 {
			t.Errorf("%s: status says %+v, want %d kept", c.name, s, c.kept)
		}
	}
}

// TestAMistakeLeavesTheRootItsAlertAmongMany holds that a broken alert of the root namespace stays as it was where others have taken
// all the room meanwhile.
func TestAMistakeLeavesTheRootItsAlertAmongMany(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.yaml", auditAlert("a", "keys.*"))
	g := newAlarmed(t, nil, dir)
	must(t, g.Reload(t.Context(), input.Change{}))
	many := ""
	for i := range model.MaxAlerts {
		many += "---\n" + strings.Replace(auditAlert(fmt.Sprintf("b%03d", i), "plane.*"), "istio-system", fmt.Sprint("team-", i%10), 1)
	}
	g.edit(t, dir, "b.yaml", many)
	g.edit(t, dir, "a.yaml", strings.Replace(auditAlert("a", "keys.*"), "events", "event", 1))
	told := g.watcher.told()
	if last := told[len(told)-1]; !strings.Contains(last, "a keys.*") || strings.Count(last, "plane.*") != model.MaxAlerts-1 {
		t.Errorf("in force are %s", last)
	}
}

// TestABrokenAlertRefusesNobody holds that gateways are served the policy beside it, and that the plane is ready, also from
// the start.
func TestABrokenAlertRefusesNobody(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "gateway.yaml", listener)
	write(t, dir, "a.yaml", "apiVersion: portreeve.dev/v1alpha1\nkind: AuditAlert\nmetadata: {name: a}\nspec: {}\n")
	write(t, dir, "p.yaml", policy("p", "/p"))
	g := newAlarmed(t, nil, dir)
	must(t, g.Reload(t.Context(), input.Change{}))
	g.Join(group())
	s := g.Status()
	if !s.Ready || len(s.Groups) != 1 || s.Groups[0].Serving == nil || len(s.Groups[0].Refused) > 0 {
		t.Errorf("ready %v, groups %+v", s.Ready, s.Groups)
	}
	if len(s.Diagnostics.Errors()) != 2 || !strings.Contains(g.log.String(), "an AuditAlert is broken and not in force") {
		t.Errorf("status says %v, the log\n%s", s.Diagnostics, g.log)
	}
}

// TestAlertsOverARestart holds that those that were in force are so again before the files are read, also where one was
// broken since and nothing else keeps its generation.
func TestAlertsOverARestart(t *testing.T) {
	dir, location := t.TempDir(), t.TempDir()
	write(t, dir, "gateway.yaml", listener)
	write(t, dir, "p.yaml", policy("p", "/p"))
	write(t, dir, "a.yaml", auditAlert("a", "keys.*")+"---\n"+auditAlert("b", "keys.*"))
	// No generation is clean, so that nothing but its alerts keeps the first.
	write(t, dir, "team.yaml", strings.NewReplacer("action", "actoin", "istio-system", "team").Replace(policy("t", "/t")))
	kept := openState(t, location)
	g := newAlarmed(t, kept, dir)
	must(t, g.Reload(t.Context(), input.Change{}))
	broken := "---\n" + strings.Replace(auditAlert("b", "gateway.*"), "events", "event", 1)
	g.edit(t, dir, "a.yaml", auditAlert("a", "gateway.*")+broken)
	g.edit(t, dir, "p.yaml", policy("p", "/other"))
	g.want(t, "before", "a keys.*, b keys.*", "a gateway.*, b keys.*")
	g.Close()
	must(t, kept.Close())

	h := newAlarmed(t, openState(t, location), dir)
	h.want(t, "once it is known what was kept", "a keys.*, b keys.*", "a gateway.*, b keys.*")
	must(t, h.Reload(t.Context(), input.Change{}))
	h.edit(t, dir, "a.yaml", auditAlert("a", "plane.*")+broken)
	h.want(t, "broken still", "a keys.*, b keys.*", "a gateway.*, b keys.*", "a plane.*, b keys.*")
	h.Close()
}

// TestALostDirectoryTakesNoAlertAway holds the same for what vanishes as a whole.
func TestALostDirectoryTakesNoAlertAway(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.yaml", auditAlert("a", "keys.*"))
	g := newAlarmed(t, nil, dir)
	must(t, g.Reload(t.Context(), input.Change{}))
	g.edit(t, dir, "a.yaml", "")
	g.want(t, "lost", "a keys.*")
	g.edit(t, dir, "a.yaml", auditAlert("a", "plane.*"))
	g.want(t, "back", "a keys.*", "a plane.*")
}
