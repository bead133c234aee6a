package rollout

import (
	"time"

	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
)

// Answers tells how a gateway stands to what it is served.
type Answers interface {
	// Answered reports that nothing of the type is on its way: the gateway took or refused all that
	// there is, or has never asked for it.
	Answered(url string) bool
	// Asked reports that the gateway has asked for the type.
	Asked(url string) bool
	// Refused reports that the gateway's last answer of the type was a refusal.
	Refused(url string) bool
}

// Step goes on where the answers or the time allow it, and reports whether it did: what is to be
// served may be other then, and Step is to be called again when that is put.
func (r *Rollout) Step(a Answers, now time.Time) bool {
	if r.target == nil {
		return false
	}
	if a.Asked(resourcev3.ClusterType) {
		r.asked, r.returned = true, false
	}
	warm := a.Answered(resourcev3.ClusterType) && !r.returned
	if warm {
		r.warm, r.floor = r.Want(resourcev3.ClusterType), nil
	}
	if was := r.policy; !was.Same(r.newest.Part(resourcev3.ExtensionConfigType)) {
		if r.weighPolicy(now); r.policy != was {
			return true
		}
	}
	switch {
	case r.stage == making && (warm || !now.Before(r.deadline)):
		r.stage, r.front = switching, nil
		if r.newest != r.target {
			r.begin(now)
		}
	case r.stage == switching && through(a):
		r.settle(now)
	case !r.turn.IsZero() && !now.Before(r.turn):
		r.fade(now)
	default:
		return false
	}
	return true
}

// through reports whether the gateway has taken all that it is served. While it refuses listeners,
// routes or policy it may use anything that those which it has lead to.
func through(a Answers) bool {
	for _, url := range Order() {
		if !a.Answered(url) {
			return false
		}
	}
	return !a.Refused(resourcev3.ListenerType) && !a.Refused(resourcev3.RouteType) && !a.Refused(resourcev3.ExtensionConfigType)
}

func (r *Rollout) settle(now time.Time) {
	r.stage, r.accepted = settled, r.target
	if r.kept != nil && r.memo.over(r.target, r.kept) != r.target {
		r.recent = r.memo.over(r.kept, r.recent)
		if r.turn.IsZero() {
			r.turn = now.Add(Linger)
		}
	}
	r.kept = nil
}

// fade takes what lingers another step away. What came just before the turn stays for the next.
func (r *Rollout) fade(now time.Time) {
	before := r.Want(resourcev3.ClusterType)
	r.aging, r.recent, r.turn = r.recent, nil, time.Time{}
	if r.aging != nil {
		r.turn = now.Add(Linger)
	}
	after := r.Want(resourcev3.ClusterType)
	switch {
	case after == before:
	case r.floor == nil:
		r.floor = after
	default:
		// Two removals that may both be on their way: nothing is certain before the answer.
		r.floor = &Part{url: resourcev3.ClusterType}
	}
}

// Next returns when Step is to be called again although nothing has happened; zero is never.
func (r *Rollout) Next() time.Time {
	next := r.turn
	if r.stage == making {
		next = sooner(next, r.deadline)
	}
	return sooner(next, r.policyDeadline)
}

func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
