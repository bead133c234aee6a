package fanout_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/portreeve/portreeve/bench/fanout"
)

func TestMain(m *testing.M) {
	fanout.Simulate()
	os.Exit(m.Run())
}

// TestASmallFleetIsMeasured holds that each phase ends, that all gateways are counted, and that a restart sends nothing again.
func TestASmallFleetIsMeasured(t *testing.T) {
	program := filepath.Join(t.TempDir(), "portreeve")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "github.com/portreeve/portreeve/cmd/portreeve").CombinedOutput(); err != nil {
		t.Fatalf("build the program: %v\n%s", err, out)
	}
	r, err := fanout.Measure(t.Context(), fanout.Options{Program: program, Gateways: 21, Groups: 2, Processes: 2, Policies: 3, Rounds: 1, Progress: func(s string) { t.Log(s) }})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Edits) != 2 || r.Edits[0].Gateways != 11 || r.Edits[1].Gateways != 21 {
		t.Errorf("edits of %+v", r.Edits)
	}
	for name, p := range map[string]fanout.Phase{"connected": r.Connected, "edit": r.Edits[1].Phase, "restart": r.Restart, "moved": r.Moved} {
		if p.Took <= 0 {
			t.Errorf("%s took %v", name, p.Took)
		}
	}
	if r.Again != 0 {
		t.Errorf("the restart sent %d resources again", r.Again)
	}
	if r.Settled.Resident <= 0 || r.Settled.Goroutines <= r.Alone.Goroutines {
		t.Errorf("the control plane takes %+v, and %+v without gateways", r.Settled, r.Alone)
	}
}
