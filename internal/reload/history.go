package reload

import (
	"maps"
	"slices"

	"github.com/portreeve/portreeve/internal/state"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
)

// history is the generations that may have to be served, the newest first: the latest, those that a
// group is served, the newest that is clean for every gateway and waits for no keys, the clean
// ones after it, the newest that says what identities are allowed, and the newest whose alerts are all sound. All of them have the same fetched keys, and the keyring is told to keep these. It
// is guarded by Reloader.mu.
type history struct {
	keyring Keyring
	// state is what an earlier process kept; nil where nothing is kept.
	state *state.Dir
	// latest is nil until something was read.
	latest *Generation
	kept   []*Generation
	keys   model.Keys
	// awaited are the sources of keys that a generation waits for before a group is served it.
	awaited map[model.KeySource]string
}

// add makes a generation the latest.
func (h *history) add(made *Generation) {
	h.latest = made.withKeys(h.keys)
	h.kept = append([]*Generation{h.latest}, h.kept...)
}

// adopt takes in generations of an earlier process, behind those that were read since.
func (h *history) adopt(recalled []*Generation) {
	known := map[string]bool{}
	for _, g := range h.kept {
		known[g.Hash] = true
	}
	for _, g := range recalled {
		if !known[g.Hash] {
			h.kept = append(h.kept, g.withKeys(h.keys))
		}
	}
}

// waits reports whether the latest generation waits for keys.
func (h *history) waits() bool { return h.latest != nil && h.latest.waits(h.awaited) }

// rotateKeys says which keys the kept generations need, and gives them those that there are
// where these are not the ones that they have.
func (h *history) rotateKeys() {
	h.want()
	// In this order: what comes in between is told anew, and what was tried is never missed.
	h.awaited = h.keyring.Awaited()
	keys := h.keyring.Keys()
	if maps.Equal(keys, h.keys) {
		return
	}
	h.keys = keys
	for i, g := range h.kept {
		rotated := g.withKeys(keys)
		h.kept[i] = rotated
		if h.latest == g {
			h.latest = rotated
		}
	}
}

// want says which keys the kept generations need.
func (h *history) want() {
	var requests []model.KeyRequest
	wanted := map[model.KeySource]bool{}
	for _, g := range h.kept { // the newest first: how long a fetch may take is its to say
		for _, request := range g.requests {
			if !wanted[request.KeySource] {
				wanted[request.KeySource] = true
				requests = append(requests, request)
			}
		}
	}
	h.keyring.Want(requests)
}

// candidates returns the generations that a group may be given, the newest first: none that is older
// than what it is served, or was served last. It fails closed: whatever keeps the newer ones from
// it, such as keys that are awaited after a restart, what was tightened since stays tightened.
func (h *history) candidates(serving *Generation) []*Generation {
	if serving == nil {
		return h.kept
	}
	// By hash: a rotation of keys makes another value of a generation.
	i := slices.IndexFunc(h.kept, func(k *Generation) bool { return k.Hash == serving.Hash })
	return h.kept[:min(max(i, 0)+1, len(h.kept))]
}

// refusals returns the errors that refuse a generation to a gateway of a group that is served another,
// or nothing yet (nil), as far as they are known before it is rendered. Those of the files come first.
// A group that is served policy is not given a generation by which nothing would be enforced on it,
// also where what it is served is known from the state alone: it fails closed. What it is served
// already is not judged anew by a directory that was lost then: the generation that tells whom that
// reached may be forgotten.
func (h *history) refusals(g *Generation, gateway model.Gateway, serving *Generation) diag.List {
	if serving == nil || serving.Hash != g.Hash {
		if lost := h.loss(g, gateway); len(lost) > 0 {
			return lost
		}
	}
	if refused := g.refusals(gateway); len(refused) > 0 {
		return refused
	}
	return h.unguarded(g, gateway, serving)
}

// maxLeft bounds the generations that are kept only because a gateway may come back with them.
const maxLeft = 2

// ofEarlierProcess returns, by hash, the newest generations of an earlier process.
func (h *history) ofEarlierProcess() map[string]bool {
	out := map[string]bool{}
	for _, g := range h.kept {
		if g.Seq == 0 && len(out) < maxLeft {
			out[g.Hash] = true
		}
	}
	return out
}

// prune forgets generations that nobody can need any more, and the keys that only they need, and
// reports whether there were any. Needed, by hash, are those that groups are served or may come back
// with. Those that wait for keys are needed too, and what can be served until then, and the one whose
// mappings of identities are in force, and the one to which alerts go back.
func (h *history) prune(needed map[string]bool) bool {
	keep := map[*Generation]bool{h.latest: true, granting(h.kept): true, alerting(h.kept): true}
	for _, g := range h.kept {
		if needed[g.Hash] { // by hash: a rotation of keys makes another value of a generation
			keep[g] = true
			delete(needed, g.Hash)
		}
	}
	for _, g := range h.kept {
		if g.clean() {
			keep[g] = true
			if !g.waits(h.awaited) {
				break
			}
		}
	}
	kept := slices.DeleteFunc(slices.Clone(h.kept), func(g *Generation) bool { return !keep[g] })
	if len(kept) == len(h.kept) {
		return false
	}
	h.kept = kept
	h.want()
	return true
}
