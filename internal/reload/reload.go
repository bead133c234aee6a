package reload

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/hashicorp/go-multierror"

	"github.com/portreeve/portreeve/internal/diag"
	"github.com/portreeve/portreeve/internal/input"
	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/xds/node"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// Publisher takes what a group of gateways is to be served.
type Publisher interface {
	Set(ctx context.Context, group string, snapshot *cachev3.Snapshot) error
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
	Files    Files
	Settings model.Settings
	Keyring  Keyring
	// State keeps the last good generations; nil keeps nothing.
	State   *State
	Logger  *slog.Logger
	Metrics *Metrics
	Now     func() time.Time
}

// Reloader owns the generations. It is safe for concurrent use.
//
// Locks are taken in this order: turn, saving, mu. Reading, compiling and writing the state hold
// turn or saving and never mu, so that a gateway that joins waits for none of them; what an
// operator asks is answered from shown, which waits for nothing at all.
type Reloader struct {
	options   Options
	publisher Publisher

	// turn is held by who makes a generation or gives the generations other keys.
	turn sync.Mutex
	// inventory is what was written when it was last read, here or by an earlier process. It
	// is guarded by turn.
	inventory *translate.Inventory
	// saving is held by who writes the state.
	saving sync.Mutex
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
	// unsaved says that the state on disk is not that of kept and groups.
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
	effect  *translate.Effect
	refused diag.List
	// respelled says of which secrets the paths are written in another way; see Reread.
	respelled map[string]bool
	// waiting names the sources of keys that keep the latest generation from the group.
	waiting []string
}

// New returns a reloader that has read nothing yet. With a state directory it knows the
// generations that an earlier process kept there.
func New(o Options) (*Reloader, error) {
	r := &Reloader{options: o, groups: map[string]*group{}}
	if o.State != nil {
		kept, gateways, err := o.State.load(o.Settings)
		if err != nil {
			return nil, fmt.Errorf("load state: %w", err)
		}
		r.kept = kept
		for _, g := range slices.Backward(kept) {
			r.inventory, _ = r.inventory.Next(g.Program, nil)
		}
		r.turnKeys()
		for _, g := range gateways {
			r.groups[node.Of(g).Key] = &group{gateway: g, serving: lastGood(kept, g)}
		}
	}
	r.show()
	return r, nil
}

// PublishTo names the publisher. It is called once, before the first Reload or Join.
func (r *Reloader) PublishTo(p Publisher) { r.publisher = p }

// Reload reads the files, compiles them, and publishes the result to every group of
// gateways that no error reaches. Files that are still being written keep what they last held.
// The error is about publishing or the state directory; users' mistakes are findings.
func (r *Reloader) Reload(ctx context.Context, change input.Change) error {
	r.turn.Lock()
	defer r.turn.Unlock()
	reading := r.options.Files.Read(change)
	made := r.compile(reading)
	err := r.take(ctx, reading, made)
	return multierror.Append(nil, err, r.save()).ErrorOrNil()
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
	r.turn.Lock()
	defer r.turn.Unlock()
	return multierror.Append(nil, r.rekey(ctx), r.save()).ErrorOrNil()
}

func (r *Reloader) rekey(ctx context.Context) error {
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

func (r *Reloader) publishAll(ctx context.Context) error {
	var failed *multierror.Error
	for key, g := range r.groups {
		failed = multierror.Append(failed, r.publish(ctx, key, g))
	}
	return failed.ErrorOrNil()
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

// save writes the state where it has changed or could not be written before.
func (r *Reloader) save() error {
	if r.options.State == nil {
		return nil
	}
	r.saving.Lock()
	defer r.saving.Unlock()
	r.mu.Lock()
	unsaved, content := r.unsaved, storedOf(r.kept, r.groups)
	r.unsaved = false
	r.mu.Unlock()
	if !unsaved {
		return nil
	}
	err := r.options.State.save(content)
	if err != nil {
		r.mu.Lock()
		r.unsaved = true
		r.mu.Unlock()
	}
	return err
}

// publish gives a group the newest generation that is clean for it and that waits for no
// keys of its policy: what was served before is better than what would refuse every token
// until they come. Without any it is given nothing: its listeners stay as they are, or do
// not open.
func (r *Reloader) publish(ctx context.Context, key string, g *group) error {
	g.refused, g.waiting = nil, nil
	_, published := r.served.Load(key)
	for _, generation := range r.kept {
		resources, refused := r.offer(generation, g)
		if len(refused) > 0 {
			if generation == r.latest {
				g.refused = refused
			}
			continue
		}
		if waiting := generation.waitsFor(g.gateway, r.awaited); len(waiting) > 0 {
			if generation == r.latest {
				g.waiting = waiting
			}
			continue
		}
		if g.serving == generation && (published || !g.connected) {
			return nil
		}
		if !g.connected {
			g.serving, g.effect = generation, nil
			return nil
		}
		s, err := snapshot.New(g.spelled(resources))
		if err != nil {
			return fmt.Errorf("generation %s for %s: %w", generation.Hash, key, err)
		}
		if err := r.publisher.Set(ctx, key, s); err != nil {
			return err
		}
		effect := g.effectOf(generation)
		if opened(g.effect, effect) {
			r.options.Logger.Warn("nothing is enforced any more on a group of gateways, as the policy says", "group", key, "generation", generation.Seq, "hash", generation.Hash)
		}
		g.serving, g.effect = generation, &effect
		r.served.Store(key, resources)
		return nil
	}
	return nil
}

// prune forgets generations that nobody can need any more, and the keys that only they need.
// Those that wait for keys are needed, and what can be served until then.
func (r *Reloader) prune() {
	served := map[string]bool{} // by hash: a rotation of keys makes another value of a generation
	for _, g := range r.groups {
		if g.serving != nil {
			served[g.serving.Hash] = true
		}
	}
	needed := map[*Generation]bool{r.latest: true}
	for _, g := range r.kept {
		if served[g.Hash] {
			needed[g] = true
			delete(served, g.Hash)
		}
	}
	for _, g := range r.kept {
		if g.clean() {
			needed[g] = true
			if !g.waits(r.awaited) {
				break
			}
		}
	}
	kept := slices.DeleteFunc(slices.Clone(r.kept), func(g *Generation) bool { return !needed[g] })
	if len(kept) == len(r.kept) {
		return
	}
	r.kept, r.unsaved = kept, true
	r.want()
}

// Join implements server.Fleet: a group of gateways has connected.
func (r *Reloader) Join(n node.Group) {
	r.join(n)
	if err := r.save(); err != nil {
		r.options.Logger.Error("cannot write state", "error", err)
	}
}

func (r *Reloader) join(n node.Group) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.show()
	g := &group{gateway: n.Gateway, connected: true}
	if known := r.groups[n.Key]; known != nil {
		g.serving, g.effect = known.serving, known.effect
	}
	r.groups[n.Key] = g
	r.unsaved = true
	if err := r.publish(context.Background(), n.Key, g); err != nil {
		r.options.Logger.Error("cannot serve gateway", "group", n.Key, "error", err)
	}
	_, published := r.served.Load(n.Key)
	switch {
	case published:
		r.reportGroups(n.Key)
	case len(g.waiting) > 0:
		r.options.Logger.Info("policy for gateway waits for keys, its listeners open then", "group", n.Key, "sources", g.waiting)
	default:
		r.options.Logger.Error("no good policy for gateway, its listeners do not open", "group", n.Key, "findings", g.refused.Brief(maxTold))
	}
}

// Leave implements server.Fleet: the last gateway of a group has gone.
func (r *Reloader) Leave(n node.Group) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.show()
	r.served.Delete(n.Key)
	if g, ok := r.groups[n.Key]; ok {
		g.connected = false
	}
	r.forget()
}

// maxDeparted bounds how many groups without a gateway are remembered.
const maxDeparted = 256

// forget drops groups without a gateway beyond the bound. The others are remembered, with
// the generation that is theirs: a gateway that comes back must not find an older policy.
func (r *Reloader) forget() {
	var departed []string
	for key, g := range r.groups {
		if !g.connected {
			departed = append(departed, key)
		}
	}
	for len(departed) > maxDeparted {
		delete(r.groups, departed[0])
		departed = departed[1:]
	}
}
