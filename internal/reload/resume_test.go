package reload_test

import (
	"fmt"
	"slices"
	"testing"

	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"

	"github.com/portreeve/portreeve/internal/input"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/xds/node"
)

// TestWhatAGatewayComesBackWith holds that a gateway which comes back after edits, also over restarts
// of the control plane, finds what it was served, and that nothing is handed over where nothing changed.
func TestWhatAGatewayComesBackWith(t *testing.T) {
	dir, kept := t.TempDir(), openState(t, t.TempDir())
	write(t, dir, "gateway.yaml", listener)
	var served []string
	for i, path := range []string{"/a", "/a", "/b", "/c"} {
		write(t, dir, "policy.yaml", policy("a", path))
		r, p := newReloader(t, kept, dir)
		must(t, r.Reload(t.Context(), input.Change{}))
		if i == 2 {
			r.Close()
			continue // it goes before a gateway has come
		}
		r.Join(group())
		got := p.resumed[group().Key]
		if want := served; len(got) > 2 || i == 1 && len(got) > 0 || i == 3 && !slices.Contains(got, want[0]) {
			t.Errorf("start %d: it may come back with %v, was served %v", i, got, want)
		}
		served = append(served, p.sent[group().Key][0][resourcev3.ExtensionConfigType])
		r.Close()
	}
}

// TestWhatGatewaysComeBackWithIsBounded holds that of what earlier processes served only the newest is
// kept, for each group until it is back.
func TestWhatGatewaysComeBackWithIsBounded(t *testing.T) {
	dir, kept := t.TempDir(), openState(t, t.TempDir())
	write(t, dir, "gateway.yaml", listener)
	other := node.Of(model.Gateway{Namespace: "other"})
	for i := range 6 {
		write(t, dir, "policy.yaml", policy("a", fmt.Sprintf("/%d", i)))
		r, p := newReloader(t, kept, dir)
		must(t, r.Reload(t.Context(), input.Change{}))
		if i == 0 {
			r.Join(group())
			r.Join(other)
		}
		if i < 5 {
			r.Close()
			continue
		}
		r.Join(group())
		if got := len(p.resumed[group().Key]); got != 2 {
			t.Errorf("it may come back with %d generations, want 2", got)
		}
		r.Leave(group())
		r.Join(group())
		if got := len(p.resumed[group().Key]); got != 2 {
			t.Error("within one process it is asked for again")
		}
		r.Join(other)
		if len(p.resumed[other.Key]) != 2 {
			t.Errorf("the other may come back with %d generations, want 2", len(p.resumed[other.Key]))
		}
	}
}
