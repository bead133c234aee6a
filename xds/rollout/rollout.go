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
// it has nothing to wait for. Endpoints, secrets and policy of the newest generation wait for none of
// this: a tightened policy is in force before the route that was held, and so is one that was loosened.
// Only a policy that newly names a cluster which is not warm, as one that brings its authorizer does,
// waits for that, for PolicyHold at most: the old policy is in force meanwhile, where the new one would
// refuse every request that it asks about, or let them pass where the authorizer may be passed by.
//
// It is pure: what happened, and when, is told to it; what is to be served is asked of it.
package rollout

import (
	"time"

	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
)

const (
	// Hold is how long listeners and routes wait for clusters at most. It is a little more than Envoy
	// itself waits for a DNS server that never answers. For each cluster that there is HoldEach is
	// added, as a busy gateway takes milliseconds to look at one; MostHold is the bound of both.
	Hold     = 15 * time.Second
	HoldEach = 5 * time.Millisecond
	MostHold = time.Minute
	// PolicyHold is how long policy waits for clusters that it names itself at most. It is short, since
	// the next edit of policy, which may be urgent, waits with it.
	PolicyHold = time.Second
	// Linger is how long what is not needed any more is kept at least; at most it is twice that.
	Linger = time.Second
	// maxKept bounds how many resources of a type are kept beside those of the newest generation, while a
	// gateway refuses what leads to clusters at every edit: clusters, and the endpoints of each edition
	// of one. Beyond it only those stay that it had when it last accepted all, and those of the
	// generation before.
	maxKept = 1000
)

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
	// policy is the policy that is in place. That of the newest generation is another while it waits.
	policy *Part
	// kept is what the gateway may still lead requests to, beside the target. When it does not any
	// more, kept becomes recent, recent becomes aging, and aging goes.
	kept, recent, aging *Generation
	// accepted is the generation that was settled last.
	accepted *Generation
	// warm are the clusters that were answered last; floor, where it is not nil, is the smallest list
	// of clusters since: a cluster that was taken away and has come back must become warm anew.
	warm, floor *Part
	// asked says that the gateway has asked for clusters, and returned that it had listeners or routes when it came and has not:
	// Envoy does not while one is getting warm that it was sent on an earlier stream. Until it asks none is taken for warm.
	asked, returned bool
	// deadline ends a hold, and policyDeadline one of policy; turn is when what lingers is taken another
	// step away. Zero is never.
	deadline, policyDeadline, turn time.Time
}

// New returns a rollout of a gateway that has been served nothing.
func New(m *Memo) *Rollout { return &Rollout{memo: m} }

// Has notes what the gateway has of a type from an earlier stream. It is called before anything of
// the type is served on this one.
func (r *Rollout) Has(p *Part, now time.Time) {
	switch p.url {
	case resourcev3.ClusterType:
		r.warm, r.asked, r.returned = p, true, false
	case resourcev3.ListenerType, resourcev3.RouteType:
		if r.front == nil {
			r.front = map[string]*Part{}
		}
		r.front[p.url] = p
		if !r.asked {
			r.returned, r.warm = true, nil
		}
	case resourcev3.ExtensionConfigType:
		r.policy = p
	}
	if p.url != resourcev3.ListenerType {
		r.kept = r.memo.over(r.kept, only(p))
	}
	if r.target != nil {
		r.weigh(now)
		r.weighPolicy(now)
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
	r.weighPolicy(now)
}

// begin lets the newest generation take the place of the one whose listeners and routes are there.
func (r *Rollout) begin(now time.Time) {
	r.front = map[string]*Part{}
	for _, url := range held() {
		r.front[url] = r.target.Part(url)
	}
	before := r.target
	kept := r.memo.over(before, r.kept)
	if r.kept != nil && r.piles(kept) {
		kept = r.memo.over(before, r.accepted)
	}
	r.kept, r.target = kept, r.newest
	r.weigh(now)
}

// piles reports whether more of any type would be kept beside the newest generation than the bound.
func (r *Rollout) piles(kept *Generation) bool {
	for _, url := range Order() {
		newest := r.newest.Part(url)
		if r.memo.union(newest, kept.Part(url)).size() > newest.size()+maxKept {
			return true
		}
	}
	return false
}

// held are the types that wait for clusters.
func held() []string { return []string{resourcev3.ListenerType, resourcev3.RouteType} }

// weigh holds the target's listeners and routes where they have to wait.
func (r *Rollout) weigh(now time.Time) {
	switch {
	case !r.waits(r.target):
		r.stage, r.front = switching, nil
	case r.stage != making:
		r.stage, r.deadline = making, now.Add(r.hold())
	}
}

// hold returns how long to wait for the clusters of the target at most.
func (r *Rollout) hold() time.Duration {
	return min(Hold+time.Duration(r.target.Part(resourcev3.ClusterType).size())*HoldEach, MostHold)
}

// waits reports whether a generation has to wait for clusters before its listeners and routes can
// take the place of those that are there.
func (r *Rollout) waits(g *Generation) bool {
	for _, url := range held() {
		if place, next := r.front[url], g.Part(url); place != nil && !next.Same(place) && r.lacks(g, next, place) {
			return true
		}
	}
	return false
}

// lacks reports whether a part of a generation names clusters that are not warm and that what is in
// its place does not name.
func (r *Rollout) lacks(g *Generation, next, place *Part) bool {
	return r.memo.answer(question{next: next, place: place, clusters: g.Part(resourcev3.ClusterType), warm: r.warm, floor: r.floor})
}
