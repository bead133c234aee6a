// Package rollout decides in which order a gateway gets from one generation to the next, so that no
// request is lost on the way: make before break.
//
// Envoy withholds its answer to clusters (CDS) until every one of them is warm: until it has
// endpoints, secrets, and the first answer of DNS. So, for each stream by itself:
//
//  1. What is new is put beside what is there: clusters, endpoints, secrets and policy of both.
//  2. When the clusters are answered, the listeners and routes that lead to them follow.
//  3. When these are answered and all that they ask for, what only the old ones led to goes, after
//     Linger, within which requests that chose an old cluster reach it.
//
// Listeners and routes are held only where one that changes names a cluster that is not warm and that
// the one in its place does not name. A hold ends after Hold at the latest. One generation is held at
// a time, so that edits in a storm cannot put each other off for ever; a newer one overtakes it where
// it has nothing to wait for. Endpoints, secrets and policy of the newest generation never wait: a
// tightened policy is in force before the route that was held, and so is one that was loosened.
//
// It is pure: what happened, and when, is told to it; what is to be served is asked of it.
package rollout

import (
	"time"

	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"

	"github.com/portreeve/portreeve/xds/snapshot"
)

const (
	// Hold is how long listeners and routes wait for clusters at most. It is a little more than Envoy
	// itself waits for a DNS server that never answers.
	Hold = 15 * time.Second
	// Linger is how long what is not needed any more is kept at least; at most it is twice that.
	Linger = time.Second
	// maxKept bounds how many clusters are kept beside those of the newest generation, while a gateway
	// refuses listeners or routes at every edit. Beyond it only those stay that it had when it last
	// accepted all, and those of the generation before.
	maxKept = 1000
)

// Order returns the types in the order in which they are put: what is referred to first.
func Order() []string {
	out := make([]string, 0, len(snapshot.Types()))
	for _, t := range snapshot.Types() {
		out = append(out, t.URL)
	}
	return out
}

// Answers tells how a gateway stands to what it is served.
type Answers interface {
	// Answered reports that nothing of the type is on its way: the gateway took or refused all that
	// there is, or has never asked for it.
	Answered(url string) bool
	// Refused reports that the gateway's last answer of the type was a refusal.
	Refused(url string) bool
}

// stage is how far a generation has come.
type stage int

const (
	// settled: it is there, and all that it replaces needs to be kept no more.
	settled stage = iota
	// making: its listeners and routes are held until its clusters are warm.
	making
	// switching: all of it is put; what it replaces is kept until it is answered.
	switching
)

// Rollout is the way of one stream. It is not safe for concurrent use.
type Rollout struct {
	memo  *Memo
	stage stage
	// newest is the generation that was offered last, target the one that is under way or there.
	newest, target *Generation
	// front are the listeners and routes that stay while those of the target are held.
	front map[string]*Part
	// kept is what the gateway may still lead requests to, beside the target. When it does not any
	// more, kept becomes recent, recent becomes aging, and aging goes.
	kept, recent, aging *Generation
	// accepted is the generation that was settled last.
	accepted *Generation
	// warm are the clusters that were answered last; floor, where it is not nil, is the smallest list
	// of clusters since: a cluster that was taken away and has come back must become warm anew.
	warm, floor *Part
	// deadline ends a hold; turn is when what lingers is taken another step away. Zero is never.
	deadline, turn time.Time
}

// New returns a rollout of a gateway that has been served nothing.
func New(m *Memo) *Rollout { return &Rollout{memo: m} }

// Has notes what the gateway has of a type from an earlier stream. It is called before anything of
// the type is served on this one.
func (r *Rollout) Has(p *Part, now time.Time) {
	switch p.url {
	case resourcev3.ClusterType:
		r.warm = p
	case resourcev3.ListenerType, resourcev3.RouteType:
		if r.front == nil {
			r.front = map[string]*Part{}
		}
		r.front[p.url] = p
	}
	if p.url != resourcev3.ListenerType {
		r.kept = r.memo.over(r.kept, only(p))
	}
	if r.target != nil {
		r.weigh(now)
	}
}

// Offer makes a generation the newest. It must not be changed afterwards.
func (r *Rollout) Offer(g *Generation, now time.Time) {
	r.newest = g
	switch {
	case r.target == nil:
		r.target = g
		r.weigh(now)
	case r.stage != making:
		r.begin(now)
	case !r.waits(g):
		r.target = g
		r.weigh(now)
	}
}

// begin lets the newest generation take the place of the one whose listeners and routes are there.
func (r *Rollout) begin(now time.Time) {
	r.front = map[string]*Part{}
	for _, url := range held() {
		r.front[url] = r.target.Part(url)
	}
	before := r.target
	kept := r.memo.over(before, r.kept)
	clusters := resourcev3.ClusterType
	if r.kept != nil && r.memo.union(r.newest.Part(clusters), kept.Part(clusters)).size() > r.newest.Part(clusters).size()+maxKept {
		kept = r.memo.over(before, r.accepted)
	}
	r.kept, r.target = kept, r.newest
	r.weigh(now)
}

// held are the types that wait for clusters.
func held() []string { return []string{resourcev3.ListenerType, resourcev3.RouteType} }

// weigh holds the target's listeners and routes where they have to wait.
func (r *Rollout) weigh(now time.Time) {
	switch {
	case !r.waits(r.target):
		r.stage, r.front = switching, nil
	case r.stage != making:
		r.stage, r.deadline = making, now.Add(Hold)
	}
}

// waits reports whether a generation has to wait for clusters before its listeners and routes can
// take the place of those that are there.
func (r *Rollout) waits(g *Generation) bool {
	clusters := g.Part(resourcev3.ClusterType)
	for _, url := range held() {
		place, next := r.front[url], g.Part(url)
		if place == nil || next == nil || clusters == nil || next.Same(place) {
			continue
		}
		if r.memo.answer(question{next: next, place: place, clusters: clusters, warm: r.warm, floor: r.floor}) {
			return true
		}
	}
	return false
}

// Step goes on where the answers or the time allow it, and reports whether it did: what is to be
// served may be other then, and Step is to be called again when that is put.
func (r *Rollout) Step(a Answers, now time.Time) bool {
	if r.target == nil {
		return false
	}
	warm := a.Answered(resourcev3.ClusterType)
	if warm {
		r.warm, r.floor = r.Want(resourcev3.ClusterType), nil
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

// through reports whether the gateway has taken all that it is served. While a refusal stands it may
// use anything that it had before.
func through(a Answers) bool {
	for _, url := range Order() {
		if !a.Answered(url) || a.Refused(url) && url != resourcev3.ClusterType && url != resourcev3.EndpointType {
			return false
		}
	}
	return true
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

// Want returns what is to be served of a type, or nil where nothing was offered.
func (r *Rollout) Want(url string) *Part {
	if r.target == nil {
		return nil
	}
	p := r.target.Part(url)
	switch url {
	case resourcev3.ListenerType, resourcev3.RouteType:
		if front := r.front[url]; r.stage == making && front != nil {
			p = front
		}
	case resourcev3.ClusterType:
	default:
		p = r.memo.union(r.newest.Part(url), p)
	}
	if url == resourcev3.ListenerType {
		return p
	}
	for _, older := range []*Generation{r.kept, r.recent, r.aging} {
		p = r.memo.union(p, older.Part(url))
	}
	return p
}

// Next returns when Step is to be called again although nothing has happened; zero is never.
func (r *Rollout) Next() time.Time {
	if r.stage == making && (r.turn.IsZero() || r.deadline.Before(r.turn)) {
		return r.deadline
	}
	return r.turn
}
