package server

import (
	"slices"
	"sync"

	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/hashicorp/go-multierror"

	"github.com/portreeve/portreeve/xds/node"
	"github.com/portreeve/portreeve/xds/rollout"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// roster knows the streams of each group, and what the group is served.
//
// Locks are taken in this order: member.turn, whatever the fleet locks, roster.mu,
// delivery.mu, the cache's own. turn is held while the fleet is called, so that its calls for one group alternate; mu is not, so that the fleet may Set.
type roster struct {
	mu      sync.Mutex
	members map[string]*member
	// departed are the groups that were left last, the latest first, with what their gateways may
	// come back with.
	departed []departure
}

type departure struct {
	group   string
	earlier []*rollout.Generation
}

// maxDeparted bounds how many groups without a stream are remembered, so that nodes that come once
// cannot fill memory.
const maxDeparted = 64

// depart remembers, and forgets, what a group that is left was served; mu is held.
func (r *roster) depart(group string, m *member) {
	if m.newest == nil {
		return
	}
	m.note(m.newest)
	r.departed = append([]departure{{group, m.earlier}}, r.departed[:min(len(r.departed), maxDeparted-1)]...)
	m.newest, m.earlier, m.keys = nil, nil, nil
}

// returned takes what a group was served when it was left; mu is held.
func (r *roster) returned(group string) []*rollout.Generation {
	i := slices.IndexFunc(r.departed, func(d departure) bool { return d.group == group })
	if i < 0 {
		return nil
	}
	out := r.departed[i].earlier
	r.departed = slices.Delete(r.departed, i, i+1)
	return out
}

// member is one group.
type member struct {
	turn sync.Mutex
	// streams counts the open streams and pins who holds or waits for turn; both are guarded by roster.mu.
	streams, pins int
	// deliveries are those of the open streams. newest is what they are offered, and earlier what was
	// served before it, by which gateways that come back are recognised. All are guarded by roster.mu.
	deliveries map[*delivery]struct{}
	newest     *rollout.Generation
	earlier    []*rollout.Generation
	// keys reports whether newest holds a private or symmetric key.
	keys func() bool
	memo *rollout.Memo
	made *messages
}

// maxEarlier bounds by how many earlier generations a gateway that comes back may be recognised.
const maxEarlier = 3

// note keeps what a gateway may come back with; roster.mu is held.
func (m *member) note(g *rollout.Generation) {
	m.earlier = append([]*rollout.Generation{g.Base()}, m.earlier[:min(len(m.earlier), maxEarlier-1)]...)
}

// offer makes a generation what the streams are served; it is of a snapshot. roster.mu is held.
func (m *member) offer(g *rollout.Generation, of *snapshot.Snapshot) error {
	clusters := resourcev3.ClusterType
	if m.newest != nil && !g.Part(clusters).Same(m.newest.Part(clusters)) {
		m.note(m.newest)
	}
	before := m.newest
	m.newest, m.keys = g, of.HoldsKeys
	m.memo.Forget()
	m.made.forget()
	var failed *multierror.Error
	for d := range m.deliveries {
		d.edited(before, g, of.Edited) // before it is sent
		failed = multierror.Append(failed, m.hand(d))
	}
	return failed.ErrorOrNil()
}

// hand gives a stream what the group is served, or nothing where that holds keys and the stream may have none; roster.mu is held.
func (m *member) hand(d *delivery) error {
	if d.keyless != nil && m.keys() {
		d.keyless()
		return nil
	}
	return d.offer(m.newest)
}

// join counts a stream in and returns, when the fleet knows its group, what the stream is served and
// the generations of which the gateway may have something.
func (s *Server) join(fleet Fleet, g node.Group, again *redelivery, keyless func()) (*delivery, []*rollout.Generation, error) {
	r := &s.roster
	r.mu.Lock()
	m, ok := r.members[g.Key]
	if !ok {
		m = &member{deliveries: map[*delivery]struct{}{}, memo: rollout.NewMemo(), made: newMessages()}
		r.members[g.Key] = m
	}
	m.pins++
	r.mu.Unlock()

	m.turn.Lock()
	defer m.turn.Unlock()
	r.mu.Lock()
	m.streams++
	first := m.streams == 1
	if first {
		m.earlier = r.returned(g.Key)
	}
	r.mu.Unlock()
	if first {
		fleet.Join(g)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	d := newDelivery(m.memo, m.made, again, s.options.Logger)
	d.keyless = keyless
	m.deliveries[d] = struct{}{}
	if m.newest == nil {
		return d, nil, nil
	}
	before := append([]*rollout.Generation{m.newest}, m.earlier...)
	if keyless != nil {
		before = nil // an earlier one may hold keys
	}
	return d, before, m.hand(d)
}

// leave counts a stream out. With the last one the group and its snapshot are forgotten, so that
// nodes that come once cannot fill memory. The stream's watches must be cancelled before.
func (s *Server) leave(fleet Fleet, g node.Group, d *delivery) {
	d.close()
	r := &s.roster
	r.mu.Lock()
	m := r.members[g.Key]
	r.mu.Unlock()

	m.turn.Lock()
	defer m.turn.Unlock()
	r.mu.Lock()
	last := m.streams == 1
	delete(m.deliveries, d)
	r.mu.Unlock()
	if last {
		fleet.Leave(g)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	m.streams--
	if m.streams == 0 {
		// From here on Set keeps nothing, so nothing can come back after the clearing.
		r.depart(g.Key, m)
	}
	m.pins--
	if m.pins == 0 {
		delete(r.members, g.Key)
	}
}
