package reload

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/portreeve/portreeve/internal/input"
	"github.com/portreeve/portreeve/internal/state"
	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
)

// Publisher takes what a group of gateways is to be served.
type Publisher interface {
	Set(ctx context.Context, group string, snapshot *cachev3.Snapshot) error
	// Resume says, before the first Set of a group, what its gateways may come back with.
	Resume(group string, snapshot *cachev3.Snapshot)
}

// Keyring holds the keys that policies name and do not hold themselves. No method waits.
type Keyring interface {
	// Want says which sources are needed from now on.
	Want(requests []model.KeyRequest)
	// Keys returns the keys that there are.
	Keys() model.Keys
	// Awaited returns the sources that are needed newly and were not tried to their end yet,
	// each with the name that may be shown of it. None stays there for long.
	Awaited() map[model.KeySource]string
}

// Files are what the generations are read from. Read is called by one goroutine at a time, and
// with no lock held: it may take as long as reading does.
type Files interface {
	Read(input.Change) input.Reading
}

// Options are what a reloader works with.
type Options struct {
	Files Files
	// Publisher is set from when the first gateway joins.
	Publisher Publisher
	Settings  model.Settings
	Keyring   Keyring
	// State keeps the last good generations; nil keeps nothing.
	State   *state.Dir
	Logger  *slog.Logger
	Metrics *Metrics
	Now     func() time.Time
}

// Reloader owns the generations. It is safe for concurrent use.
//
// Locks are taken in this order: turn, mu. Reading and compiling hold turn and never mu, and
// writing the state holds neither, so that a gateway that joins waits for none of them; what an
// operator asks is answered from shown, which waits for nothing at all.
type Reloader struct {
	options Options
	// saver is nil where nothing is kept.
	saver *state.Saver

	// turn is held by who makes a generation or gives the generations other keys.
	turn sync.Mutex
	// inventory is what was written when it was last read, here or by an earlier process. It
	// is guarded by turn.
	inventory *translate.Inventory
	// shown is the state after the last change of it.
	shown atomic.Pointer[view]

	mu     sync.Mutex
	latest *Generation
	// kept are the generations that may have to be served, newest first: the latest, those
	// that a group is served, the newest that is clean for every gateway and waits for no
	// keys, and the clean ones after it.
	kept []*Generation
	// awaited are the sources of keys that a generation waits for before a group is served it.
	awaited map[model.KeySource]string
	groups  map[string]*group
	seq     uint64
	// again says when what was read last is to be read again, held what keeps its last content.
	again input.Again
	held  diag.List
	// warned is, by certificate, how many days it had left when the log last said so.
	warned map[string]int
	// unsaved says that the saver was not asked yet to write what kept and groups are now.
	unsaved bool

	// nodes has a lock of its own.
	nodes nodes

	// served maps a group's key to its envoy.Resources. It is apart from mu, so that a
	// stream can ask what a refusal is about while a reload is being published to it.
	served sync.Map
}

// group is the gateways of one identity and what they are served.
type group struct {
	gateway   model.Gateway
	connected bool
	// serving is what the group is served or, where it has come and nothing was good for it
	// yet, what it was served before. Nothing of it is taken away by a slip: see offer.
	serving *Generation
	// effect is what the policy in it comes to; nil where it was never published.
	effect *translate.Effect
	// awaited says that an earlier process served it, and no gateway has come back since.
	awaited bool
	refused diag.List
	// respelled says of which secrets the paths are written in another way; see Reread.
	respelled map[string]bool
	// waiting names the sources of keys that keep the latest generation from the group.
	waiting []string
	tenure  tenure
}

// New returns a reloader that has read nothing yet. With a state directory it knows the
// generations that an earlier process kept there. Close ends it.
func New(o Options) (*Reloader, error) {
	r := &Reloader{options: o, groups: map[string]*group{}}
	r.turn.Lock() // what the disk tells later waits until the reloader is whole
	defer r.turn.Unlock()
	if o.State != nil {
		r.saver = state.NewSaver(o.State, r.content)
		r.kept, r.groups = r.recall(o.State.Load(r.adopt))
		for _, g := range slices.Backward(r.kept) {
			r.inventory, _ = r.inventory.Next(g.Program, nil)
		}
		r.turnKeys()
	}
	r.show()
	return r, nil
}

// Reload reads the files, compiles them, and publishes the result to every group of
// gateways that no error reaches. Files that are still being written keep what they last held.
// The state is on disk when it returns, unless the disk takes longer than two seconds.
// The error is about publishing; users' mistakes are findings.
func (r *Reloader) Reload(ctx context.Context, change input.Change) error {
	defer r.save()
	r.turn.Lock()
	defer r.turn.Unlock()
	reading := r.options.Files.Read(change)
	return r.take(ctx, reading, r.compile(reading))
}

// compile makes a generation of a reading, or nil where it reads as the latest does. turn is held.
func (r *Reloader) compile(reading input.Reading) *Generation {
	now := r.shown.Load()
	if now.latest != nil && hashOf(reading, flagsOf(r.options.Settings)) == now.latest.Hash {
		return nil
	}
	r.seq++
	made := newGeneration(r.seq, r.options.Now(), reading, r.options.Settings, now.before(), now.servedCertificates())
	r.inventory, made.changes = r.inventory.Next(made.Program, made.unreadable)
	made.changes = made.changes.TakenBy(reading.Taken)
	return made
}

// take makes a generation the latest and publishes it. turn is held.
func (r *Reloader) take(ctx context.Context, reading input.Reading, made *Generation) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.again = reading.Again
	r.hold(reading.Held)
	if made == nil {
		return nil
	}
	r.latest = made
	r.kept = append([]*Generation{made}, r.kept...)
	r.turnKeys()
	err := r.publishAll(ctx)
	r.prune()
	r.show()
	r.report()
	r.reportGroups(slices.Sorted(maps.Keys(r.groups))...)
	r.unsaved = true
	return err
}

// Rekey publishes, to every group, what it is served with the keys that there are now. It
// is called whenever these, or the keys that are awaited, have changed.
func (r *Reloader) Rekey(ctx context.Context) error {
	defer r.save()
	r.turn.Lock()
	defer r.turn.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	waited := r.latest != nil && r.latest.waits(r.awaited)
	r.turnKeys()
	err := r.publishAll(ctx)
	r.prune()
	r.show()
	if waited && !r.latest.waits(r.awaited) {
		r.options.Logger.Info("policy waits for no keys any more", "generation", r.latest.Seq, "hash", r.latest.Hash)
	}
	return err
}

// want says which keys the kept generations need.
func (r *Reloader) want() {
	var requests []model.KeyRequest
	wanted := map[model.KeySource]bool{}
	for _, g := range r.kept { // the newest first: how long a fetch may take is its to say
		for _, request := range g.requests {
			if !wanted[request.KeySource] {
				wanted[request.KeySource] = true
				requests = append(requests, request)
			}
		}
	}
	r.options.Keyring.Want(requests)
}

// turnKeys says which keys the kept generations need, and gives them those that there are
// where these are not the ones that they have.
func (r *Reloader) turnKeys() {
	r.want()
	// In this order: what comes in between is told anew, and what was tried is never missed.
	r.awaited = r.options.Keyring.Awaited()
	keys := r.options.Keyring.Keys()
	if maps.Equal(keys, r.options.Settings.Keys) {
		return
	}
	r.options.Settings.Keys = keys
	for i, g := range r.kept {
		turned := g.withKeys(keys)
		r.kept[i] = turned
		if r.latest == g {
			r.latest = turned
		}
	}
}

// Again says when to call Reload again although nobody tells of a change, and for which paths.
func (r *Reloader) Again() input.Again {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.again
}

// hold takes in what could not be read and keeps its last content, and logs what is new of it.
// The caller holds mu.
func (r *Reloader) hold(held diag.List) {
	switch before := r.held.Lines(); {
	case slices.Equal(before, held.Lines()):
		return
	case len(held) > 0:
		r.options.Logger.Error("files cannot be read and keep what they last held", "findings", held.Brief(maxTold))
	default:
		r.options.Logger.Info("all files can be read again")
	}
	r.held = held
	r.options.Metrics.held(len(held))
	r.show()
}
