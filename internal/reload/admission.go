package reload

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

// How long it takes until the record is asked again to take a generation.
const (
	firstRetry = time.Second
	lastRetry  = 30 * time.Second
	// maxReason bounds what is kept of the reason, in bytes.
	maxReason = 500
)

// admission has the record take each generation before anything of it is served. It fails closed: what the
// record does not take is served to nobody. But for withheld it is guarded by Reloader.turn.
type admission struct {
	// recorder is nil where nothing is recorded: every generation is admitted then.
	recorder Recorder
	logger   *slog.Logger
	metrics  *Metrics
	now      func() time.Time
	// withheld is nil while nothing is held back. It may be asked for at any time.
	withheld atomic.Pointer[withheld]
}

// withheld is a generation that was read and that the record does not take. It is immutable.
type withheld struct {
	Reading
	since  time.Time
	reason string
	// attempts counts how often the record was asked; it is asked again at next, after wait.
	attempts int
	wait     time.Duration
	next     time.Time
}

// admit has the record take a generation, and reports whether it did. One that was held back is tried when it
// is time, another one at once.
func (a *admission) admit(ctx context.Context, d *draft) bool {
	if a.recorder == nil {
		return true
	}
	before := a.withheld.Load()
	again := before != nil && before.Hash == d.Hash
	if again && a.now().Before(before.next) {
		return false
	}
	attempt := 1
	if again {
		attempt += before.attempts
	}
	if err := a.recorder.Read(ctx, d.told(attempt)); err != nil {
		a.hold(d, attempt, err)
		return false
	}
	a.release(d.Generation)
	return true
}

// hold notes that a generation is held back, and says so once.
func (a *admission) hold(d *draft, attempt int, err error) {
	before, now := a.withheld.Load(), a.now()
	out := &withheld{Reading: *reading(d.Generation), since: now, reason: err.Error(), attempts: attempt, wait: firstRetry}
	out.reason = out.reason[:min(len(out.reason), maxReason)]
	if before != nil {
		out.since, out.wait = before.since, min(2*before.wait, lastRetry)
	}
	out.next = now.Add(out.wait)
	a.withheld.Store(out)
	a.metrics.withheld(1)
	if before == nil || before.Hash != out.Hash || before.reason != out.reason {
		a.logger.Error("policy is held back: the record does not take it, and gateways stay on what they were served", "generation", d.Seq, "hash", d.Hash, "error", out.reason)
	}
}

// release notes that nothing is held back any more: the record has taken this generation, now or long ago.
func (a *admission) release(g *Generation) {
	if before := a.withheld.Swap(nil); before != nil {
		a.metrics.withheld(0)
		a.logger.Info("policy is not held back any more", "generation", g.Seq, "hash", g.Hash, "since", before.since)
	}
}

// told is what the record is told of a generation that was read.
func (d *draft) told(attempt int) GenerationRead {
	findings := d.Diagnostics()
	out := GenerationRead{Reading: *reading(d.Generation), Attempt: attempt, Changes: d.changes, Files: d.files, Certificates: d.certificates}
	out.Errors, out.FailedTests = len(findings.Errors()), len(d.tests.failures())
	out.Warnings = len(findings) - out.Errors
	out.Findings = findings.ErrorsFirst()[:min(len(findings), maxRecorded)]
	return out
}
