package reload

import (
	"cmp"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// The bounds of what is remembered of nodes: how many, how long an id and the key of a group
// may be, and how many of those that have moved a status names.
const (
	maxNodes    = 16_384
	maxNodeID   = 1 << 10
	maxGroupKey = 4 << 10
	maxMoved    = 50
)

// Moved is a gateway that came back in another group, on which nothing is enforced: mostly by
// a slip in the labels or the namespace of its bootstrap.
type Moved struct {
	// Node is the id of the gateway.
	Node string `json:"node"`
	// From is the key of the group in which it was seen last while something was enforced
	// there, To that of the group in which it is.
	From string `json:"from"`
	To   string `json:"to"`
}

// nodes remember in which groups gateways were seen. An id that several gateways share counts
// as moved only once none of them is in the group where it was. It is safe for concurrent use; what
// the groups are at that moment it is told.
type nodes struct {
	logger *slog.Logger
	now    func() time.Time

	mu      sync.Mutex
	entries map[string]*nodeEntry
	seen    uint64
}

type nodeEntry struct {
	// home is the last group of the node on which something was enforced.
	home string
	// open counts its streams by group, and told are those of which the log has spoken.
	open map[string]int
	told map[string]bool
	seen uint64
	// gone is when its last stream ended.
	gone time.Time
}

// entry returns what is remembered of a node, which counts as seen now, or nil where a name is
// too long to be kept. The node that was seen longest ago makes room for a new one.
func (n *nodes) entry(id, group string) *nodeEntry {
	if len(id) > maxNodeID || len(group) > maxGroupKey {
		return nil
	}
	e := n.entries[id]
	if e == nil {
		if n.entries == nil {
			n.entries = map[string]*nodeEntry{}
		}
		if len(n.entries) == maxNodes {
			n.evict()
		}
		e = &nodeEntry{open: map[string]int{}, told: map[string]bool{}}
		n.entries[id] = e
	}
	n.seen++
	e.seen = n.seen
	return e
}

func (n *nodes) evict() {
	oldest := ""
	for id, e := range n.entries {
		if oldest == "" || e.seen < n.entries[oldest].seen {
			oldest = id
		}
	}
	delete(n.entries, oldest)
}

// connected notes that a stream of a gateway was opened.
func (n *nodes) connected(v *view, id, group string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	e := n.entry(id, group)
	if e == nil {
		return
	}
	e.open[group]++
	if v.guards(group) {
		e.home = group
		clear(e.told)
	}
	n.warnOfMove(v, id, e)
}

// disconnected notes that a stream of a gateway has ended.
func (n *nodes) disconnected(v *view, id, group string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	e := n.entries[id]
	if e == nil {
		return
	}
	if e.open[group]--; e.open[group] <= 0 {
		delete(e.open, group)
		delete(e.told, group)
		e.gone = n.now()
	}
	n.warnOfMove(v, id, e)
}

// warnOfMove logs, once, that a gateway is where nothing is enforced. The caller holds mu.
func (n *nodes) warnOfMove(v *view, id string, e *nodeEntry) {
	for _, to := range v.strayed(e) {
		if !e.told[to] {
			e.told[to] = true
			n.logger.Warn("a gateway came back in another group, and nothing is enforced there", "gateway", id, "was", e.home, "is", to,
				"hint", "compare the namespace and the labels in its bootstrap with what policies select")
		}
	}
}

// strayed returns the groups in which a node is while it is in none that is guarded, where it
// was once in one that still is, or is known no more.
func (v *view) strayed(e *nodeEntry) []string {
	if e.home == "" || len(e.open) == 0 || e.open[e.home] > 0 {
		return nil
	}
	if home := v.group(e.home); home != nil && !v.guards(e.home) {
		return nil // nothing is enforced there either
	}
	var out []string
	for group := range e.open {
		if g := v.group(group); g != nil && g.serving != nil && !v.guards(group) {
			out = append(out, group)
		}
	}
	slices.Sort(out)
	return out
}

// guards reports whether something is enforced on a group, by what it is served or, where it
// has gone, would be.
func (v *view) guards(key string) bool {
	switch g := v.group(key); {
	case g == nil || g.serving == nil:
		return false
	case g.connected:
		return g.effect.Enforcing > 0
	default:
		return g.serving.Program.Enforces(g.gateway)
	}
}

// moved returns the gateways that came back where nothing is enforced, the first fifty by id.
func (n *nodes) moved(v *view) []Moved {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []Moved
	for id, e := range n.entries {
		for _, to := range v.strayed(e) {
			out = append(out, Moved{id, e.home, to})
		}
	}
	slices.SortFunc(out, func(a, b Moved) int { return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.To, b.To)) })
	return out[:min(len(out), maxMoved)]
}
