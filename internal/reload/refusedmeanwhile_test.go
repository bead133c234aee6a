package reload_test

import (
	"strings"
	"testing"
	"time"

	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/internal/input"
	"github.com/portreeve/portreeve/xds/ack"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// TestWhatIsRefusedWhileItIsBeingPublished holds that a gateway which refuses policy before the
// reloader has done with publishing it is answered by the lines of what it refused: at Join, after an
// edit, where only the lines have moved, and after a restart with broken files.
func TestWhatIsRefusedWhileItIsBeingPublished(t *testing.T) {
	const ecds = resourcev3.ExtensionConfigType
	dir, kept := t.TempDir(), t.TempDir()
	var lines []int
	refuse := func(s *snapshot.Snapshot) {
		store, err := ack.New(ack.Options{Clock: time.Now})
		must(t, err)
		d := ack.Delivery{URL: ecds, Nonce: "1", Resources: map[string]string{}, Trace: s.Trace(ecds)}
		for name := range s.GetVersionMap(ecds) {
			d.Resources[name] = "v"
		}
		stream := store.Open(ack.Peer{Node: "n", Protocol: ack.Delta})
		stream.Sent(d)
		_, refusal := stream.Nacked(ecds, "1", `invalid RBACValidationError.Policies["ns[istio-system]-policy[a]-rule[0]"]`)
		for _, place := range refusal.Origins {
			lines = append(lines, place.Line)
		}
	}
	write(t, dir, "gateway.yaml", listener)
	write(t, dir, "a.yaml", policy("a", "/a"))
	d := openState(t, kept)
	r, p := newReloader(t, d, dir)
	p.asks = refuse
	must(t, r.Reload(t.Context(), input.Change{}))
	r.Join(group())
	write(t, dir, "a.yaml", "# a line\n"+policy("b", "/b")+"---\n"+policy("a", "/a"))
	must(t, r.Reload(t.Context(), input.Change{}))
	write(t, dir, "a.yaml", strings.Repeat("# more\n", 10)+policy("b", "/b")+"---\n"+policy("a", "/a"))
	must(t, r.Reload(t.Context(), input.Change{}))
	r.Close()
	must(t, d.Close())
	write(t, dir, "a.yaml", "nonsense: [")
	r, p = newReloader(t, openState(t, kept), dir)
	p.asks = refuse
	must(t, r.Reload(t.Context(), input.Change{}))
	r.Join(group())
	if diff := cmp.Diff([]int{4, 10, 19, 19}, lines); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}
