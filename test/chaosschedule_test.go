package test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// chaosAction is what a step of a schedule does.
type chaosAction string

// The actions. What begins a fault has another one that ends it.
const (
	editDoor, editRole, editRoutes, editLocal   chaosAction = "edit a door", "edit the role", "edit the routes", "edit one gateway's policy"
	removeDoor, burst, rotateSecret             chaosAction = "remove a door", "edit in a burst", "rotate the server's certificate"
	breakFile, breakLocal, repair               chaosAction = "break a file", "break one gateway's policy", "repair what is broken"
	killPlane, endPlane, startPlaneAgain        chaosAction = "kill the control plane", "end the control plane", "start the control plane"
	pausePlane, resumePlane, hangUp             chaosAction = "pause the control plane", "resume the control plane", "have it read everything"
	pauseGateway, resumeGateway                 chaosAction = "pause a gateway", "resume a gateway"
	killGateway, startGatewayAgain              chaosAction = "kill a gateway", "start a gateway"
	fillDisk, freeDisk                          chaosAction = "fill the disk", "free the disk"
	failIssuer, healIssuer, rotateKeys          chaosAction = "have the issuer fail", "have the issuer answer", "rotate the issuer's keys"
	renewCertificates, stepClock, settleEnforce chaosAction = "renew certificates", "step the clock", "settle"
)

// chaosStep is one step: what is done, after which pause, to which of several, and in which way. The executor takes pick
// modulo what there is to choose from.
type chaosStep struct {
	after  time.Duration
	do     chaosAction
	target int
	pick   uint64
}

func (s chaosStep) String() string {
	return fmt.Sprintf("%s (%d, %d)", s.do, s.target, s.pick%1000)
}

// chaosSchedule makes steps from a seed alone: no clock and nothing that was measured. Faults overlap, but for pairs
// of which nobody promises anything, which allowed has.
type chaosSchedule struct {
	random *rand.Rand
	now    time.Duration
	// due are the ends of the faults that have begun.
	due        []chaosDue
	down       bool // the control plane
	paused     bool // the control plane
	full       bool // the disk
	failing    bool // the issuer
	broken     bool // files
	away       [chaosGateways]bool
	nextSettle time.Duration
}

type chaosDue struct {
	at     time.Duration
	do     chaosAction
	target int
}

func newChaosSchedule(seed uint64) *chaosSchedule {
	return &chaosSchedule{random: rand.New(rand.NewPCG(seed, seed)), nextSettle: settleEvery}
}

// settleEvery is how often all faults end, and everything has to be as it should.
const settleEvery = 12 * time.Second

// chaosWeights say how often an action is taken among those that are allowed.
func chaosWeights() []chaosWeight {
	return []chaosWeight{
		{editDoor, 24}, {editRole, 10}, {editRoutes, 12}, {editLocal, 4}, {removeDoor, 4}, {burst, 5}, {rotateSecret, 4}, {breakFile, 6}, {breakLocal, 4},
		{killPlane, 4}, {endPlane, 3}, {pausePlane, 3}, {hangUp, 2}, {pauseGateway, 4}, {killGateway, 2}, {fillDisk, 3}, {failIssuer, 4},
		{rotateKeys, 6}, {renewCertificates, 3}, {stepClock, 4},
	}
}

type chaosWeight struct {
	do     chaosAction
	weight int
}

// next returns the next step.
func (s *chaosSchedule) next() chaosStep {
	step := chaosStep{after: time.Duration(20+s.random.IntN(380)) * time.Millisecond, pick: s.random.Uint64()}
	s.now += step.after
	switch {
	case s.now >= s.nextSettle && len(s.due) > 0:
		s.end(&step, 0)
	case s.now >= s.nextSettle:
		s.nextSettle, step.do = s.now+settleEvery, settleEnforce
	case len(s.due) > 0 && s.due[0].at <= s.now:
		s.end(&step, 0)
	default:
		s.begin(&step)
	}
	return step
}

// end makes the step the end of a fault.
func (s *chaosSchedule) end(step *chaosStep, i int) {
	step.do, step.target = s.due[i].do, s.due[i].target
	s.due = slices.Delete(s.due, i, i+1)
	switch step.do {
	case startPlaneAgain:
		s.down = false
	case resumePlane:
		s.paused = false
	case freeDisk:
		s.full = false
	case healIssuer:
		s.failing = false
	case repair:
		s.broken = false
	case resumeGateway, startGatewayAgain:
		s.away[step.target] = false
	default:
	}
}

// begin makes the step one of those that are allowed now.
func (s *chaosSchedule) begin(step *chaosStep) {
	step.target = s.random.IntN(chaosGateways)
	weights := slices.DeleteFunc(chaosWeights(), func(w chaosWeight) bool { return !s.allowed(w.do, step.target) })
	total := 0
	for _, w := range weights {
		total += w.weight
	}
	at := s.random.IntN(total)
	for _, w := range weights {
		if at -= w.weight; at < 0 {
			step.do = w.do
			break
		}
	}
	if end, ends := s.ending(step.do, step.target); ends {
		length := time.Second + time.Duration(s.random.IntN(2000))*time.Millisecond
		s.due = append(s.due, chaosDue{s.now + length, end, step.target})
		slices.SortStableFunc(s.due, func(a, b chaosDue) int { return int(a.at - b.at) })
	}
}

// allowed says whether an action may come now. What was not written to the disk before a kill is not there after it, so
// nothing is broken while the disk is full, and the other way round: then no promise says what a gateway gets. It is so of keys too.
func (s *chaosSchedule) allowed(do chaosAction, target int) bool {
	runs := !s.down && !s.paused
	switch do {
	case killPlane:
		return !s.down
	case endPlane, pausePlane, hangUp:
		return runs
	case breakFile, breakLocal:
		return runs && !s.broken && !s.full && !slices.Contains(s.away[:], true)
	case fillDisk:
		return !s.full && !s.broken && !s.failing
	case failIssuer:
		return runs && !s.failing && !s.full
	case rotateKeys:
		return runs && !s.failing && !s.full && !slices.Contains(s.away[:], true)
	case pauseGateway, killGateway:
		return !s.away[target]
	default:
		return true
	}
}

// ending notes that a fault has begun, and returns what ends it.
func (s *chaosSchedule) ending(do chaosAction, target int) (end chaosAction, ends bool) {
	switch do {
	case killPlane, endPlane:
		s.down = true
		if s.paused { // the one that was paused is gone
			s.paused = false
			s.due = slices.DeleteFunc(s.due, func(d chaosDue) bool { return d.do == resumePlane })
		}
		return startPlaneAgain, true
	case pausePlane:
		s.paused = true
		return resumePlane, true
	case fillDisk:
		s.full = true
		return freeDisk, true
	case failIssuer:
		s.failing = true
		return healIssuer, true
	case breakFile, breakLocal:
		s.broken = true
		return repair, true
	case pauseGateway:
		s.away[target] = true
		return resumeGateway, true
	case killGateway:
		s.away[target] = true
		return startGatewayAgain, true
	default:
		return "", false
	}
}

// TestAChaosScheduleIsItsSeed holds that a seed gives the same steps, that each action comes, and that all faults have
// ended where everything settles.
func TestAChaosScheduleIsItsSeed(t *testing.T) {
	for seed := range uint64(20) {
		one, two, other := newChaosSchedule(seed), newChaosSchedule(seed), newChaosSchedule(seed+1)
		seen, same := map[chaosAction]int{}, 0
		for range 5000 {
			a, b := one.next(), two.next()
			if a != b {
				t.Fatalf("seed %d gives %v and %v", seed, a, b)
			}
			if a == other.next() {
				same++
			}
			seen[a.do]++
			if quiet := !one.down && !one.paused && !one.full && !one.failing && !one.broken && len(one.due) == 0; a.do == settleEnforce && !quiet {
				t.Fatalf("seed %d: it settles among %+v", seed, one.due)
			}
		}
		for _, w := range chaosWeights() {
			if seen[w.do] == 0 {
				t.Errorf("seed %d: no step of 5,000 does: %s", seed, w.do)
			}
		}
		if same > 0 {
			t.Errorf("seeds %d and %d have %d steps in common", seed, seed+1, same)
		}
	}
}
