package reload_test

import (
	"strings"
	"testing"
	"time"

	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/internal/input"
	"github.com/portreeve/portreeve/internal/state"
)

// TestALateDiskGivesBackWhatWasLost holds that what the disk tells too late closes the gateways that
// a slip, or a newer generation that was never good for them, would have opened or has opened.
func TestALateDiskGivesBackWhatWasLost(t *testing.T) {
	guard, slip := policy("guard", "/guarded"), strings.Replace(policy("guard", "/guarded"), "istio-system", "istio-systen", 1)
	for name, now := range map[string]string{"a slip that opened it": slip, "broken files, after a slip that was refused": "kind: ["} {
		t.Run(name, func(t *testing.T) {
			dir, location := t.TempDir(), t.TempDir()
			write(t, dir, "gateway.yaml", listener)
			write(t, dir, "guard.yaml", guard)
			before := openState(t, location)
			r, p := newReloader(t, before, dir)
			must(t, r.Reload(t.Context(), input.Change{}))
			r.Join(group())
			write(t, dir, "guard.yaml", slip)
			must(t, r.Reload(t.Context(), input.Change{}))
			want := p.of(group())
			if len(want) != 1 {
				t.Fatalf("published %d times, want the slip refused", len(want))
			}
			r.Close()
			must(t, before.Close())

			write(t, dir, "guard.yaml", now)
			disk := newHangingDisk()
			close(disk.replace)
			late, err := state.Open(state.Options{Dir: location, Disk: disk, Timeout: 10 * time.Millisecond})
			must(t, err)
			again, q := newReloader(t, late, dir)
			must(t, again.Reload(t.Context(), input.Change{}))
			again.Join(group())
			opened := len(q.of(group()))
			close(disk.read)
			eventually(t, "it is served what the disk kept", func() bool { return len(q.of(group())) > opened })
			got := q.of(group())
			if diff := cmp.Diff(want[0][resourcev3.ExtensionConfigType], got[len(got)-1][resourcev3.ExtensionConfigType]); diff != "" {
				t.Errorf("before and after (-before +after):\n%s", diff)
			}
			again.Close()
		})
	}
}
