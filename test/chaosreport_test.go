package test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// maxFaults is how many faults a report has room for; more are counted. chaosStepsShown is how many of the last steps are shown.
const maxFaults, chaosStepsShown = 20, 50

// chaosReport is what happened when. It is safe for concurrent use.
type chaosReport struct {
	seed   uint64
	began  time.Time
	mu     sync.Mutex
	steps  []string
	faults []string
	count  int
	// notes are numbers that are worth telling, by what they count.
	notes map[string]int
}

func newChaosReport(seed uint64) *chaosReport {
	return &chaosReport{seed: seed, began: time.Now(), notes: map[string]int{}}
}

func (r *chaosReport) at() string { return fmt.Sprintf("%8.3f s ", time.Since(r.began).Seconds()) }

// step notes what is done.
func (r *chaosReport) step(format string, a ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.steps = append(r.steps, r.at()+fmt.Sprintf(format, a...))
}

// fault notes what should not have happened.
func (r *chaosReport) fault(format string, a ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.count++; len(r.faults) < maxFaults {
		r.faults = append(r.faults, r.at()+fmt.Sprintf(format, a...))
		r.steps = append(r.steps, r.at()+"FAULT "+fmt.Sprintf(format, a...))
	}
}

// counts adds to a number.
func (r *chaosReport) counts(what string, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notes[what] += n
}

func (r *chaosReport) number(what string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.notes[what]
}

// failed reports whether there are faults.
func (r *chaosReport) failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count > 0
}

// tell fails the test where there are faults, with all that it takes to see them again.
func (r *chaosReport) tell(t testing.TB) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	t.Logf("seed %d: %d steps in %v: %v", r.seed, len(r.steps), time.Since(r.began).Round(time.Second), r.notes)
	if r.count > 0 || t.Failed() {
		t.Errorf("%d faults; go test -run '^TestChaos$' ./test -chaos.seed %d\n%s\nthe last steps:\n%s", r.count, r.seed,
			strings.Join(r.faults, "\n"), strings.Join(r.steps[max(0, len(r.steps)-chaosStepsShown):], "\n"))
	}
}
