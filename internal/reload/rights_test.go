package reload_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
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
	"github.com/portreeve/portreeve/xds/snapshot"
)

// access remembers which mappings were in force, as the uids in each.
type access struct {
	mu  sync.Mutex
	set []string
}

func (a *access) SetMappings(mappings []model.GatewayIdentity) {
	a.mu.Lock()
	defer a.mu.Unlock()
	uids := []uint32{}
	for _, m := range mappings {
		uids = append(uids, m.UIDs...)
	}
	a.set = append(a.set, fmt.Sprint(uids))
}

func (a *access) told() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.set)
}

func (a *access) want(t *testing.T, when string, want ...string) {
	t.Helper()
	if d := cmp.Diff(want, a.told()); d != "" {
		t.Errorf("%s (-want +told):\n%s", when, d)
	}
}

// guarded is a reloader whose mappings are looked at.
type guarded struct {
	*reload.Reloader
	*access
	publisher *publisher
	log       *bytes.Buffer
}

func newGuarded(t *testing.T, kept *state.Dir, settings model.Settings, dirs ...string) guarded {
	t.Helper()
	g := guarded{access: &access{}, publisher: &publisher{sent: map[string][]map[string]string{}}, log: &bytes.Buffer{}}
	var err error
	g.Reloader, err = reload.New(reload.Options{
		Publisher: g.publisher, Files: files(input.Options{Dirs: dirs, Files: settings.Files()}), Settings: settings, Keyring: &keyring{}, Access: g.access, State: kept,
		Logger: slog.New(slog.NewTextHandler(g.log, nil)), Metrics: reload.NewMetrics(prometheus.NewRegistry()), Now: func() time.Time { return time.Now().Add(time.Hour) },
	})
	must(t, err)
	return g
}

// edit writes a file, or removes it where the content is empty, and reads.
func (g guarded) edit(t *testing.T, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if content == "" {
		must(t, os.Remove(path))
	} else {
		write(t, dir, name, content)
	}
	must(t, g.Reload(t.Context(), input.Change{Settled: []string{path}}))
}

func identity(name string, uid int) string {
	return fmt.Sprintf("apiVersion: portreeve.dev/v1alpha1\nkind: GatewayIdentity\nmetadata: {name: %s}\nspec: {uids: [%d], namespace: istio-system, labels: {istio: ingressgateway}}\n", name, uid)
}

// TestMappingsInForce holds that the mappings are those of the newest generation of which everything is
// known, and told only where they have changed.
func TestMappingsInForce(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "gateway.yaml", listener)
	write(t, dir, "a.yaml", identity("a", 1))
	write(t, dir, "p.yaml", policy("p", "/p"))
	g := newGuarded(t, nil, model.DefaultSettings(), dir)
	g.want(t, "before anything is read")
	must(t, g.Reload(t.Context(), input.Change{}))
	g.want(t, "at the start", "[1]")
	for _, c := range []struct {
		name, file, content string
		want                []string
	}{
		{"another one", "b.yaml", identity("b", 2), []string{"[1 2]"}},
		{"an edit of policy", "p.yaml", policy("p", "/other"), nil},
		{"a broken mapping", "b.yaml", strings.Replace(identity("b", 3), "uids", "uid", 1), nil},
		{"a mapping twice", "b.yaml", identity("b", 1), nil},
		{"half a file", "b.yaml", "kind: [", nil},
		{"put right", "b.yaml", identity("b", 3), []string{"[1 3]"}},
		{"policy for all that is broken", "p.yaml", strings.Replace(policy("p", "/p"), "action", "actoin", 1), nil},
		{"a mapping beside it", "b.yaml", identity("b", 4), nil},
		{"that put right", "p.yaml", policy("p", "/p"), []string{"[1 4]"}},
		{"policy of one namespace that is broken", "team.yaml", strings.NewReplacer("action", "actoin", "istio-system", "team").Replace(policy("t", "/t")), nil},
		{"a mapping beside that", "b.yaml", identity("b", 5), []string{"[1 5]"}},
		{"one deleted", "b.yaml", "", []string{"[1]"}},
		{"the last one deleted", "a.yaml", "", []string{"[]"}},
	} {
		before := g.told()
		g.edit(t, dir, c.file, c.content)
		g.want(t, c.name, append(before, c.want...)...)
	}
	if got := strings.Count(g.log.String(), `msg="the mapping of identities is in force"`); got != 7 {
		t.Errorf("logged %d times that mappings are in force, want 7:\n%s", got, g.log)
	}
	if got := strings.Count(g.log.String(), `level=WARN msg="the mapping of identities is not taken`); got != 5 {
		t.Errorf("logged %d times that they are not taken, want 5:\n%s", got, g.log)
	}
}

// TestALostDirectoryTakesNoMappingAway holds the same for what vanishes as a whole.
func TestALostDirectoryTakesNoMappingAway(t *testing.T) {
	dir, mapped := t.TempDir(), t.TempDir()
	write(t, dir, "gateway.yaml", listener)
	write(t, dir, "p.yaml", policy("p", "/p"))
	write(t, mapped, "a.yaml", identity("a", 1))
	g := newGuarded(t, nil, model.DefaultSettings(), dir, mapped)
	must(t, g.Reload(t.Context(), input.Change{}))
	g.edit(t, mapped, "a.yaml", "")
	g.edit(t, dir, "b.yaml", identity("b", 2))
	g.want(t, "lost", "[1]")
	if s := g.Status(); s.Identities == nil || s.Identities.Count != 1 || s.Identities.Generation.Seq != 1 {
		t.Errorf("status says %+v", s.Identities)
	}
	g.edit(t, mapped, "a.yaml", identity("a", 1))
	g.want(t, "back", "[1]", "[2 1]")
}

// TestUntilAMappingIsKnownNoneIsInForce holds that a start among broken files is not a start without mappings.
func TestUntilAMappingIsKnownNoneIsInForce(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "gateway.yaml", listener)
	write(t, dir, "a.yaml", "kind: [")
	g := newGuarded(t, nil, model.DefaultSettings(), dir)
	must(t, g.Reload(t.Context(), input.Change{}))
	g.want(t, "broken")
	if s := g.Status(); s.Identities != nil || !strings.Contains(g.log.String(), "no mapping of identities is known yet") {
		t.Errorf("status says %+v, the log\n%s", s.Identities, g.log)
	}
	g.edit(t, dir, "a.yaml", policy("a", "/a"))
	g.want(t, "none", "[]")
}

// TestRightsComeBeforePolicy holds that a mapping is in force before anything of its generation is
// published.
func TestRightsComeBeforePolicy(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "gateway.yaml", listener)
	write(t, dir, "a.yaml", identity("a", 1))
	g := newGuarded(t, nil, model.DefaultSettings(), dir)
	must(t, g.Reload(t.Context(), input.Change{}))
	g.Join(group())
	var inForce [][]string
	g.publisher.asks = func(*snapshot.Snapshot) { inForce = append(inForce, g.told()) }
	g.edit(t, dir, "a.yaml", identity("a", 2)+"---\n"+policy("p", "/p"))
	if d := cmp.Diff([][]string{{"[1]", "[2]"}}, inForce); d != "" {
		t.Errorf("in force when it was published (-want +got):\n%s", d)
	}
}

// TestMappingsOverARestart holds that those that were in force are so again before the files are read, and stay
// where these are broken, also where no gateway was ever served their generation; and where the disk tells late.
func TestMappingsOverARestart(t *testing.T) {
	for _, late := range []bool{false, true} {
		t.Run(fmt.Sprintf("late %v", late), func(t *testing.T) {
			dir, location := t.TempDir(), t.TempDir()
			write(t, dir, "gateway.yaml", listener)
			write(t, dir, "p.yaml", policy("p", "/p"))
			write(t, dir, "a.yaml", identity("a", 1))
			kept := openState(t, location)
			g := newGuarded(t, kept, model.DefaultSettings(), dir)
			must(t, g.Reload(t.Context(), input.Change{}))
			// None that follows is clean or served, so that nothing but its mapping keeps one.
			broken := strings.NewReplacer("action", "actoin", "istio-system", "team").Replace(policy("t", "/t"))
			g.edit(t, dir, "team.yaml", broken)
			g.edit(t, dir, "a.yaml", identity("a", 2)+"---\n"+strings.Replace(policy("q", "/q"), "action", "actoin", 1))
			g.edit(t, dir, "a.yaml", "kind: [")
			g.edit(t, dir, "a.yaml", identity("a", 3))
			g.edit(t, dir, "a.yaml", "kind: [ ")
			g.want(t, "before", "[1]", "[3]")
			g.Close()
			must(t, kept.Close())

			disk := newHangingDisk()
			close(disk.replace)
			if !late {
				close(disk.read)
			}
			again, err := state.Open(state.Options{Dir: location, Disk: disk, Timeout: map[bool]time.Duration{true: 10 * time.Millisecond}[late]})
			must(t, err)
			h := newGuarded(t, again, model.DefaultSettings(), dir)
			if late {
				h.want(t, "before the disk answers")
				must(t, h.Reload(t.Context(), input.Change{}))
				h.want(t, "broken, before the disk answers")
				close(disk.read)
				eventually(t, "the disk has told", func() bool { return len(h.told()) > 0 })
			}
			h.want(t, "once it is known what was kept", "[3]")
			must(t, h.Reload(t.Context(), input.Change{}))
			h.edit(t, dir, "a.yaml", "kind: [   ")
			h.want(t, "broken still", "[3]")
			h.edit(t, dir, "a.yaml", identity("a", 4))
			h.want(t, "put right", "[3]", "[4]")
			h.Close()
		})
	}
}

// TestAFileOfGatewaysAlone holds that with such a file nothing else grants anything, that it keeps its last good
// content, and that the flag is a part of a generation.
func TestAFileOfGatewaysAlone(t *testing.T) {
	dir, apart, location := t.TempDir(), t.TempDir(), t.TempDir()
	settings := model.DefaultSettings()
	settings.GatewaysFile = filepath.Join(apart, "gateways.yaml")
	write(t, dir, "gateway.yaml", listener)
	kept := openState(t, location)
	g := newGuarded(t, kept, settings, dir)
	must(t, g.Reload(t.Context(), input.Change{}))
	g.want(t, "the file is missing")
	g.edit(t, apart, "gateways.yaml", identity("a", 1))
	g.want(t, "it is there", "[1]")
	hash := g.Status().Latest.Hash
	for name, edit := range map[string][3]string{
		"one elsewhere":      {dir, "b.yaml", identity("b", 2)},
		"policy in the file": {apart, "gateways.yaml", identity("a", 2) + "---\n" + policy("p", "/p")},
		"an empty file":      {apart, "gateways.yaml", "# none\n"},
		"no file":            {apart, "gateways.yaml", ""},
	} {
		g.edit(t, edit[0], edit[1], edit[2])
		g.want(t, name, "[1]")
		if !g.Status().Diagnostics.HasErrors() {
			t.Errorf("%s: nothing is said", name)
		}
		if edit[0] == dir {
			g.edit(t, dir, edit[1], "")
		}
		g.edit(t, apart, "gateways.yaml", identity("a", 1))
	}
	if again := g.Status().Latest.Hash; again != hash {
		t.Errorf("the same files have the hashes %s and %s", hash, again)
	}
	g.Close()
	must(t, kept.Close())

	h := newGuarded(t, openState(t, location), model.DefaultSettings(), dir, apart)
	h.want(t, "what was kept with the flag, without it", "[1]")
	must(t, h.Reload(t.Context(), input.Change{}))
	if again := h.Status().Latest.Hash; again == hash {
		t.Error("the same files have the same hash with and without the flag")
	}
	h.edit(t, dir, "b.yaml", identity("b", 2))
	h.want(t, "without the flag they stand anywhere", "[1]", "[2 1]")
}

// TestWhatALateDiskTellsIsOlder holds that mappings that the disk kept do not replace those of the files.
func TestWhatALateDiskTellsIsOlder(t *testing.T) {
	dir, location := t.TempDir(), t.TempDir()
	write(t, dir, "a.yaml", identity("a", 1))
	kept := openState(t, location)
	g := newGuarded(t, kept, model.DefaultSettings(), dir)
	must(t, g.Reload(t.Context(), input.Change{}))
	g.Close()
	must(t, kept.Close())
	disk := newHangingDisk()
	close(disk.replace)
	late, err := state.Open(state.Options{Dir: location, Disk: disk, Timeout: 10 * time.Millisecond})
	must(t, err)
	h := newGuarded(t, late, model.DefaultSettings(), dir)
	h.edit(t, dir, "a.yaml", identity("a", 2))
	close(disk.read)
	eventually(t, "the disk has told", late.Known)
	h.edit(t, dir, "a.yaml", identity("a", 3))
	h.Close() // writes, which comes after what the disk told is taken up
	h.want(t, "once it has told", "[2]", "[3]")
}

// TestAFileOfGatewaysOverridesWhatWasKeptWithoutIt holds that a start with a broken such file does not go by what was in
// force when there was none: with or without a mapping in the files of policy.
func TestAFileOfGatewaysOverridesWhatWasKeptWithoutIt(t *testing.T) {
	for name, content := range map[string]string{"a mapping": identity("a", 1), "no mapping": policy("p", "/p")} {
		t.Run(name, func(t *testing.T) {
			dir, apart, location := t.TempDir(), t.TempDir(), t.TempDir()
			write(t, dir, "gateway.yaml", listener)
			write(t, dir, "a.yaml", content)
			kept := openState(t, location)
			g := newGuarded(t, kept, model.DefaultSettings(), dir)
			must(t, g.Reload(t.Context(), input.Change{}))
			g.Close()
			must(t, kept.Close())
			settings := model.DefaultSettings()
			settings.GatewaysFile = filepath.Join(apart, "gateways.yaml")
			write(t, apart, "gateways.yaml", "kind: [")
			h := newGuarded(t, openState(t, location), settings, dir)
			must(t, h.Reload(t.Context(), input.Change{}))
			h.want(t, "with a broken file")
			h.edit(t, dir, "a.yaml", "")
			h.edit(t, apart, "gateways.yaml", identity("a", 2))
			h.want(t, "put right", "[2]")
		})
	}
}
