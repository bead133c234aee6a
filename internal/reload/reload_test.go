package reload_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/portreeve/portreeve/internal/disk"
	"github.com/portreeve/portreeve/internal/input"
	"github.com/portreeve/portreeve/internal/reload"
	"github.com/portreeve/portreeve/internal/state"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/xds/node"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// publisher remembers the versions that each group was given.
type publisher struct {
	mu   sync.Mutex
	sent map[string][]map[string]string
	// resumed are the versions of policy that a group may come back with.
	resumed map[string][]string
	// asks, where it is there, is called while something is being published.
	asks func(*snapshot.Snapshot)
	// fails is why nothing can be published.
	fails error
}

func (p *publisher) Set(_ context.Context, group string, s *snapshot.Snapshot) error {
	versions := map[string]string{}
	for _, kind := range []string{resourcev3.ListenerType, resourcev3.RouteType, resourcev3.ClusterType, resourcev3.EndpointType, resourcev3.ExtensionConfigType, resourcev3.SecretType} {
		versions[kind] = s.GetVersion(kind)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fails != nil {
		return p.fails
	}
	p.sent[group] = append(p.sent[group], versions)
	if p.asks != nil {
		p.asks(s)
	}
	return nil
}

// of returns what a group was given.
func (p *publisher) of(g node.Group) []map[string]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.sent[g.Key])
}

// eventually waits, asking again and again, until something holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited too long: %s", what)
		}
	}
}

// Resume implements reload.Publisher.
func (p *publisher) Resume(group string, s *snapshot.Snapshot) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.resumed == nil {
		p.resumed = map[string][]string{}
	}
	p.resumed[group] = append(p.resumed[group], s.GetVersion(resourcev3.ExtensionConfigType))
}

func newReloader(t *testing.T, kept *state.Dir, dirs ...string) (*reload.Reloader, *publisher) {
	t.Helper()
	p := &publisher{sent: map[string][]map[string]string{}}
	r, err := reload.New(reload.Options{
		Publisher: p, Files: files(input.Options{Dirs: dirs}), Settings: model.DefaultSettings(), Keyring: &keyring{}, State: kept, Logger: slog.New(slog.DiscardHandler),
		Metrics: reload.NewMetrics(prometheus.NewRegistry()), Now: func() time.Time { return time.Now().Add(time.Hour) }, // every file is settled
	})
	must(t, err)
	return r, p
}

// openState uses a state directory until the test ends.
func openState(t *testing.T, dir string) *state.Dir {
	t.Helper()
	d, err := state.Open(state.Options{Dir: dir})
	must(t, err)
	t.Cleanup(func() { must(t, d.Close()) })
	return d
}

// files reads directories, every file of which is settled unless the clock says otherwise.
func files(o input.Options) *input.Reader {
	o.Quiet, o.Disk = 50*time.Millisecond, disk.New(disk.Options{})
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = func() time.Time { return time.Now().Add(time.Hour) }
	}
	return input.New(o)
}

// keyring holds the keys that a test puts there.
type keyring struct {
	wanted  []model.KeyRequest
	keys    model.Keys
	awaited map[model.KeySource]string
}

func (k *keyring) Want(requests []model.KeyRequest) { k.wanted = requests }
func (k *keyring) Keys() model.Keys                 { return k.keys }

func (k *keyring) Awaited() map[model.KeySource]string { return k.awaited }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func policy(name, path string) string {
	return "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: " + name + ", namespace: istio-system}\nspec: {action: DENY, rules: [{to: [{operation: {paths: [" + path + "]}}]}]}\n"
}

// listener is a Gateway, without which no policy filter is asked for.
const listener = "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: g}\nspec: {selector: {istio: ingressgateway}, servers: [{port: {number: 8080, name: http, protocol: HTTP}, hosts: ['*']}]}\n"

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
}

func group() node.Group {
	return node.Of(model.Gateway{Namespace: "istio-system", Labels: map[string]string{"istio": "ingressgateway"}})
}

// TestTwoControlPlanesAgree holds that equal documents give equal versions, however they
// are spread over files and directories.
func TestTwoControlPlanesAgree(t *testing.T) {
	documents := []string{listener, policy("a", "/a"), policy("b", "/b"), policy("c", "/c")}
	var want map[string]string
	for _, order := range [][]int{{0, 1, 2, 3}, {3, 2, 1, 0}, {2, 0, 3, 1}} {
		one, two := t.TempDir(), t.TempDir()
		for i, n := range order {
			write(t, []string{one, two}[i%2], string(rune('m'+i))+".yaml", documents[n])
		}
		r, p := newReloader(t, nil, one, two)
		must(t, r.Reload(t.Context(), input.Change{}))
		r.Join(group())
		got := p.sent[group().Key]
		if len(got) != 1 {
			t.Fatalf("published %d times, want once", len(got))
		}
		if want == nil {
			want = got[0]
		}
		if diff := cmp.Diff(want, got[0]); diff != "" {
			t.Errorf("order %v gives other versions (-want +got):\n%s", order, diff)
		}
		for kind, version := range got[0] {
			if version == "" {
				t.Errorf("%s has no version", kind)
			}
		}
	}
}

func TestAnEditChangesOnlyWhatItTouches(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "gateway.yaml", listener)
	write(t, dir, "a.yaml", policy("a", "/a"))
	r, p := newReloader(t, nil, dir)
	must(t, r.Reload(t.Context(), input.Change{}))
	r.Join(group())
	write(t, dir, "a.yaml", policy("a", "/other"))
	must(t, r.Reload(t.Context(), input.Change{}))
	must(t, r.Reload(t.Context(), input.Change{}))
	sent := p.sent[group().Key]
	if len(sent) != 2 {
		t.Fatalf("published %d times, want twice", len(sent))
	}
	var changed []string
	for kind, version := range sent[1] {
		if sent[0][kind] != version {
			changed = append(changed, kind)
		}
	}
	if !slices.Equal(changed, []string{resourcev3.ExtensionConfigType}) {
		t.Errorf("a policy edit changed %v", changed)
	}
}

func TestAFileInMotionKeepsWhatItHeld(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "gateway.yaml", listener)
	write(t, dir, "a.yaml", policy("a", "/a"))
	write(t, dir, "b.yaml", policy("b", "/b"))
	r, p := newReloader(t, nil, dir)
	must(t, r.Reload(t.Context(), input.Change{}))
	r.Join(group())
	// a is being deleted and re-created, b has settled with the content that it had.
	must(t, os.Remove(filepath.Join(dir, "a.yaml")))
	must(t, r.Reload(t.Context(), input.Change{Unsettled: []string{filepath.Join(dir, "a.yaml")}}))
	if n := len(p.sent[group().Key]); n != 1 {
		t.Errorf("a file in motion was published: %d times, want once", n)
	}
	// Somebody else's file is told; that a is missing at this moment means nothing yet.
	must(t, r.Reload(t.Context(), input.Change{Settled: []string{filepath.Join(dir, "b.yaml")}}))
	if n := len(p.sent[group().Key]); n != 1 {
		t.Errorf("a file that is missing for a moment was dropped: published %d times, want once", n)
	}
	must(t, r.Reload(t.Context(), input.Change{Settled: []string{filepath.Join(dir, "a.yaml")}}))
	if n := len(p.sent[group().Key]); n != 2 {
		t.Errorf("the settled removal was published %d times in all, want twice", n)
	}
}

// TestAWriteThatBeginsAfterTheWordIsNotRead holds for a file that was told as settled and
// is being written again when it is read.
func TestAWriteThatBeginsAfterTheWordIsNotRead(t *testing.T) {
	dir := t.TempDir()
	now := time.Now().Add(time.Hour)
	write(t, dir, "gateway.yaml", listener)
	write(t, dir, "a.yaml", policy("a", "/a"))
	p := &publisher{sent: map[string][]map[string]string{}}
	r, err := reload.New(reload.Options{
		Publisher: p, Files: files(input.Options{Dirs: []string{dir}, Now: func() time.Time { return now }}), Settings: model.DefaultSettings(), Keyring: &keyring{}, Logger: slog.New(slog.DiscardHandler),
		Metrics: reload.NewMetrics(prometheus.NewRegistry()), Now: func() time.Time { return now },
	})
	must(t, err)
	must(t, r.Reload(t.Context(), input.Change{}))
	r.Join(group())
	path := filepath.Join(dir, "a.yaml")
	write(t, dir, "a.yaml", policy("half", "/other"))
	must(t, os.Chtimes(path, now, now.Add(-10*time.Millisecond)))
	must(t, r.Reload(t.Context(), input.Change{Settled: []string{path}}))
	if n := len(p.sent[group().Key]); n != 1 {
		t.Errorf("a file written 10 ms ago was read: published %d times, want once", n)
	}
	must(t, r.Reload(t.Context(), input.Change{Settled: []string{path}, Complete: []string{path}, At: now}))
	if n := len(p.sent[group().Key]); n != 2 {
		t.Errorf("a file renamed into place was not read: published %d times, want twice", n)
	}
}

func TestAnUnreadableFileRefusesTheGeneration(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "gateway.yaml", listener)
	write(t, dir, "a.yaml", policy("a", "/a"))
	r, p := newReloader(t, nil, dir)
	must(t, r.Reload(t.Context(), input.Change{}))
	r.Join(group())
	must(t, os.Remove(filepath.Join(dir, "a.yaml")))
	must(t, os.Symlink("nowhere", filepath.Join(dir, "a.yaml")))
	must(t, r.Reload(t.Context(), input.Change{}))
	status := r.Status()
	if len(p.sent[group().Key]) != 1 || !status.Diagnostics.HasErrors() || len(status.Groups[0].Refused) == 0 {
		t.Errorf("published %d times; status %+v", len(p.sent[group().Key]), status)
	}
	if !status.Ready {
		t.Error("not ready although the last good policy is served")
	}
}

func TestTheStateServesGroupsThatNeverConnectedBefore(t *testing.T) {
	dir, stateDir := t.TempDir(), t.TempDir()
	state := openState(t, stateDir)
	write(t, dir, "gateway.yaml", listener)
	write(t, dir, "a.yaml", policy("a", "/a"))
	r, p := newReloader(t, state, dir)
	must(t, r.Reload(t.Context(), input.Change{}))
	r.Join(group())

	write(t, dir, "a.yaml", "kind: [")
	again, q := newReloader(t, state, dir)
	must(t, again.Reload(t.Context(), input.Change{}))
	again.Join(group())
	if diff := cmp.Diff(p.sent, q.sent); diff != "" {
		t.Errorf("after the restart (-before +after):\n%s", diff)
	}
	info, err := os.Stat(filepath.Join(stateDir, "generations.json"))
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the state is %v, want it readable by its owner only", info.Mode())
	}
}

// TestAGatewayThatComesBackFindsItsLastGoodPolicy holds for a policy that was good for this
// gateway only: an error for others stood in the same generation.
func TestAGatewayThatComesBackFindsItsLastGoodPolicy(t *testing.T) {
	dir, stateDir := t.TempDir(), t.TempDir()
	state := openState(t, stateDir)
	other := "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: other, namespace: elsewhere}\nspec: {action: DENNY}\n"
	r, p := newReloader(t, state, dir)
	write(t, dir, "gateway.yaml", listener)
	must(t, r.Reload(t.Context(), input.Change{}))
	r.Join(group())
	write(t, dir, "a.yaml", policy("a", "/a"))
	write(t, dir, "other.yaml", other)
	must(t, r.Reload(t.Context(), input.Change{}))
	sent := p.sent[group().Key]
	if len(sent) != 2 {
		t.Fatalf("published %d times, want twice: the error is another gateway's", len(sent))
	}
	r.Leave(group())
	write(t, dir, "a.yaml", "kind: [")
	must(t, r.Reload(t.Context(), input.Change{}))
	r.Join(group())
	again := p.sent[group().Key]
	if diff := cmp.Diff(sent[1], again[len(again)-1]); diff != "" {
		t.Errorf("after a reconnect (-want +got):\n%s", diff)
	}

	restarted, q := newReloader(t, state, dir)
	must(t, restarted.Reload(t.Context(), input.Change{}))
	restarted.Join(group())
	if got := q.sent[group().Key]; len(got) != 1 {
		t.Errorf("after a restart: published %d times, want once", len(got))
	} else if diff := cmp.Diff(sent[1], got[0]); diff != "" {
		t.Errorf("after a restart (-want +got):\n%s", diff)
	}
}
