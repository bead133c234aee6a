package reload_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/portreeve/portreeve/internal/input"
	"github.com/portreeve/portreeve/internal/reload"
	"github.com/portreeve/portreeve/internal/state"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/xds/node"
)

// hangingDisk is one whose calls wait until their gate is closed.
type hangingDisk struct{ read, replace chan struct{} }

func newHangingDisk() *hangingDisk { return &hangingDisk{make(chan struct{}), make(chan struct{})} }

func (d *hangingDisk) Open(string, time.Time) (io.Closer, error) { return io.NopCloser(nil), nil }

func (d *hangingDisk) Read(path string, _ int64) ([]byte, error) {
	<-d.read
	return os.ReadFile(path)
}

func (d *hangingDisk) Replace(path string, text []byte) error {
	<-d.replace
	return os.WriteFile(path, text, 0o600)
}

func (d *hangingDisk) Append(string, []byte) error { return errors.ErrUnsupported }

// TestADiskThatHangsStopsNobody holds that while the state cannot be written a gateway is served
// at once and an edit of policy reaches it, and that status says what is wrong.
func TestADiskThatHangsStopsNobody(t *testing.T) {
	disk, dir := newHangingDisk(), t.TempDir()
	close(disk.read)
	kept, err := state.Open(state.Options{Dir: t.TempDir(), Disk: disk})
	must(t, err)
	write(t, dir, "gateway.yaml", listener)
	write(t, dir, "a.yaml", policy("a", "/a"))
	r, p := newReloader(t, kept, dir)
	begin := time.Now()
	must(t, r.Reload(t.Context(), input.Change{}))
	first := time.Since(begin)
	begin = time.Now()
	for i := range 50 {
		r.Join(gatewayOf(fmt.Sprint(i)))
	}
	write(t, dir, "a.yaml", policy("a", "/b"))
	must(t, r.Reload(t.Context(), input.Change{}))
	if took := time.Since(begin); first > 10*time.Second || took > 5*time.Second {
		t.Errorf("the first reading took %v, 50 gateways and an edit %v", first, took)
	}
	if n := len(p.sent[gatewayOf("7").Key]); n != 2 {
		t.Errorf("published %d times, want twice", n)
	}
	if s := r.Status(); s.State == nil || s.State.Error == "" || s.State.UnwrittenSince.IsZero() {
		t.Errorf("status says %+v", s.State)
	}
	close(disk.replace)
	r.Close()
	if s := r.Status(); s.State.Error != "" || !s.State.UnwrittenSince.IsZero() {
		t.Errorf("after the disk came back status says %+v", s.State)
	}
}

// TestWhatALateDiskKeepsIsTakenUp holds that a gateway which found nothing good, because the
// disk did not answer at the start, is served its last good policy when it does.
func TestWhatALateDiskKeepsIsTakenUp(t *testing.T) {
	dir, location := t.TempDir(), t.TempDir()
	write(t, dir, "gateway.yaml", listener)
	write(t, dir, "a.yaml", policy("a", "/a"))
	before := openState(t, location)
	r, p := newReloader(t, before, dir)
	must(t, r.Reload(t.Context(), input.Change{}))
	r.Join(group())
	r.Close()
	must(t, before.Close())

	write(t, dir, "a.yaml", "kind: [")
	disk := newHangingDisk()
	close(disk.replace)
	late, err := state.Open(state.Options{Dir: location, Disk: disk, Timeout: 10 * time.Millisecond})
	must(t, err)
	again, q := newReloader(t, late, dir)
	go again.Join(gatewayOf("other")) // a gateway waits for no disk, whenever it comes
	must(t, again.Reload(t.Context(), input.Change{}))
	again.Join(group())
	if n := len(q.of(group())); n != 0 {
		t.Fatalf("published %d times while nothing good is known", n)
	}
	close(disk.read)
	eventually(t, "the gateway is served what the disk kept", func() bool { return len(q.of(group())) == 1 })
	if diff := cmp.Diff(p.sent[group().Key], q.of(group())); diff != "" {
		t.Errorf("before and after (-before +after):\n%s", diff)
	}
	again.Close()
	text, err := os.ReadFile(filepath.Join(location, "generations.json"))
	must(t, err)
	if !strings.Contains(string(text), `"ingressgateway"`) || strings.Count(string(text), `"hash"`) != 1 {
		t.Errorf("kept afterwards: %s", text)
	}
}

// TestARefusedReadingIsNotStored holds that a broken file, however large, leaves nothing on the
// disk beside the policy that is served.
func TestARefusedReadingIsNotStored(t *testing.T) {
	dir, location := t.TempDir(), t.TempDir()
	write(t, dir, "gateway.yaml", listener)
	write(t, dir, "a.yaml", policy("a", "/a"))
	r, _ := newReloader(t, openState(t, location), dir)
	must(t, r.Reload(t.Context(), input.Change{}))
	r.Join(group())
	for range 3 {
		write(t, dir, "b.yaml", "kind: [\n# "+strings.Repeat("x", 1<<20))
		must(t, r.Reload(t.Context(), input.Change{}))
	}
	r.Close()
	info, err := os.Stat(filepath.Join(location, "generations.json"))
	must(t, err)
	if info.Size() > 1<<14 {
		t.Errorf("the state has %d bytes, want none of the file that is refused", info.Size())
	}
}

// TestAFloodOfMadeUpGatewaysForgetsNoRealOne holds that a gateway which was served for an hour and
// is away finds its last good policy, whoever has come and gone meanwhile, also after a restart.
func TestAFloodOfMadeUpGatewaysForgetsNoRealOne(t *testing.T) {
	dir, location := t.TempDir(), t.TempDir()
	time0 := newClock(time.Now().Add(time.Hour))
	start := func() (*reload.Reloader, *publisher, func()) {
		kept, err := state.Open(state.Options{Dir: location})
		must(t, err)
		p := &publisher{sent: map[string][]map[string]string{}}
		r, err := reload.New(reload.Options{
			Publisher: p, Files: files(input.Options{Dirs: []string{dir}}), Settings: model.DefaultSettings(), Keyring: &keyring{}, State: kept, Logger: slog.New(slog.DiscardHandler),
			Metrics: reload.NewMetrics(prometheus.NewRegistry()), Now: time0.now,
		})
		must(t, err)
		return r, p, func() { r.Close(); must(t, kept.Close()) }
	}
	wrong := func(where, selector string) string {
		return "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: wrong, namespace: " + where + "}\nspec: {selector: {matchLabels: {" + selector + "}}, action: DENNY}\n"
	}
	guarded := gatewayOf("real")
	write(t, dir, "gateway.yaml", listener)
	r, p, end := start()
	must(t, r.Reload(t.Context(), input.Change{}))
	r.Join(guarded)
	// What it is served last is good for it, and not for everybody.
	write(t, dir, "a.yaml", policy("a", "/a"))
	write(t, dir, "wrong.yaml", wrong("elsewhere", "app: b"))
	must(t, r.Reload(t.Context(), input.Change{}))
	want := p.of(guarded)[1]
	time0.pass(time.Hour)
	r.Leave(guarded)
	// What comes then is good for all others.
	write(t, dir, "wrong.yaml", wrong("istio-system", "app: real"))
	must(t, r.Reload(t.Context(), input.Change{}))

	flood := func(r *reload.Reloader) {
		for i := range 1500 {
			labels := map[string]string{"made-up": fmt.Sprint(i)}
			if i%2 == 0 { // it is served as the real one is
				labels["istio"] = "ingressgateway"
			}
			g := node.Of(model.Gateway{Namespace: "istio-system", Labels: labels})
			r.Join(g)
			time0.pass(10 * time.Millisecond)
			r.Leave(g)
		}
		write(t, dir, "a.yaml", policy("a", "/b"))
		must(t, r.Reload(t.Context(), input.Change{}))
	}
	flood(r)
	r.Join(guarded)
	if sent := p.of(guarded); len(sent) != 3 || !cmp.Equal(sent[2], want) {
		t.Errorf("after the flood it was published %d times, the last %v; want %v", len(sent), sent[len(sent)-1], want)
	}
	r.Leave(guarded)
	end()

	r, p, end = start()
	must(t, r.Reload(t.Context(), input.Change{}))
	flood(r)
	r.Join(guarded)
	if sent := p.of(guarded); len(sent) != 1 || !cmp.Equal(sent[0], want) {
		t.Errorf("after a restart and another flood: %v; want %v", sent, want)
	}
	end()
}

// TestKnownGroups holds that a group counts as known that was here before, also in the time of an
// earlier process, so that a fleet that comes back is not taken for a flood.
func TestKnownGroups(t *testing.T) {
	dir, location := t.TempDir(), t.TempDir()
	write(t, dir, "gateway.yaml", listener)
	kept := openState(t, location)
	r, _ := newReloader(t, kept, dir)
	must(t, r.Reload(t.Context(), input.Change{}))
	if r.Known(group().Key) {
		t.Error("a group is known that was never here")
	}
	r.Join(group())
	r.Leave(group())
	if !r.Known(group().Key) {
		t.Error("a group is not known that has left")
	}
	r.Close()
	if again, _ := newReloader(t, kept, dir); !again.Known(group().Key) || again.Known("another") {
		t.Error("after a restart the group is not known, or another is")
	}
}
