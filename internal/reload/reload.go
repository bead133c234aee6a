package reload

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/portreeve/portreeve/internal/input"
	"github.com/portreeve/portreeve/internal/state"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/xds/node"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// Publisher takes what a group of gateways is to be served.
type Publisher interface {
	Set(ctx context.Context, group string, s *snapshot.Snapshot) error
	// Resume says, before the first Set of a group, what its gateways may come back with.
	Resume(group string, s *snapshot.Snapshot)
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
// with no lock held that a gateway waits for: it may take as long as reading does.
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
	// Access is told which mappings of identities are in force; nil is nobody.
	Access Access
	// Alerts is told which AuditAlerts are in force; nil is nobody.
	Alerts Alerts
	// State keeps the last good generations; nil keeps nothing.
	State *state.Dir
	// Record is told of generations; nil is nobody.
	Record  Recorder
	Logger  *slog.Logger
	Metrics *Metrics
	Now     func() time.Time
}

// Reloader takes what is read to the gateways: the reader makes generations, the history keeps
// them, and the fleet is given the newest that is good for each of its groups. It is safe for
// concurrent use.
//
// Locks are taken in this order: turn, mu. Reading, compiling and the record hold turn and never mu, and
// writing the state holds neither, so that a gateway that joins waits for none of them; what an
// operator asks is answered from shown, which waits for nothing at all.
type Reloader struct {
	options  Options
	reporter reporter
	keeper   keeper
	// shown is the state after the last change of it.
	shown atomic.Pointer[view]
	// nodes has a lock of its own.
	nodes nodes

	// turn is held by who makes a generation or gives the generations other keys. It guards reader,
	// admission, rights and watching.
	turn      sync.Mutex
	reader    *reader
	admission admission
	rights    rights
	watching  watching

	// mu guards history, fleet and ledger.
	mu      sync.Mutex
	history *history
	fleet   *fleet
	ledger  ledger
}

// New returns a reloader that has read nothing yet. With a state directory it knows the
// generations that an earlier process kept there. Close ends it.
func New(o Options) (*Reloader, error) {
	r := &Reloader{
		options: o, reporter: reporter{logger: o.Logger, metrics: o.Metrics}, nodes: nodes{logger: o.Logger, now: o.Now}, reader: newReader(o), history: &history{keyring: o.Keyring, state: o.State},
		rights: rights{access: o.Access, logger: o.Logger}, admission: admission{recorder: o.Record, logger: o.Logger, metrics: o.Metrics, now: o.Now},
		ledger: ledger{recorder: o.Record, now: o.Now}, watching: watching{told: o.Alerts, logger: o.Logger},
	}
	r.fleet = newFleet(o, r.history)
	r.turn.Lock() // what the disk tells later waits until the reloader is whole
	defer r.turn.Unlock()
	if o.State != nil {
		r.keeper.saver = state.NewSaver(o.State, r.content)
		kept := o.State.Load(r.adopt)
		r.history.kept = r.reader.recall(kept.Generations)
		r.reader.begin(r.history.kept)
		r.fleet.groups = recalled(kept.Groups, r.history.kept)
		r.rights.recall(r.history.kept)
		r.watching.recall(r.history.kept)
		r.history.rotateKeys()
	}
	r.show()
	return r, nil
}

// Close writes the state for the last time. It takes a second at most.
func (r *Reloader) Close() { r.keeper.close() }

// Reload reads the files, compiles them, and publishes the result to every group of
// gateways that no error reaches. Files that are still being written keep what they last held.
// The state is on disk when it returns, unless the disk takes longer than two seconds.
// The error is about publishing; users' mistakes are findings.
func (r *Reloader) Reload(ctx context.Context, change input.Change) error {
	defer r.keeper.save()
	r.turn.Lock()
	defer r.turn.Unlock()
	made, held := r.reader.read(change, r.shown.Load)
	switch {
	case made == nil:
		if r.admission.withheld.Load() != nil {
			r.admission.release(r.shown.Load().latest)
			held = true
		}
	case !r.admission.admit(ctx, made):
		made, held = nil, true
	default:
		r.reader.take(made)
		r.rights.take(made.Generation) // before mu is taken: see Access
		r.watching.take(made.Generation)
		for _, g := range r.shown.Load().groups {
			made.tests.refusals(g.key, g.gateway) // here, where no gateway waits for it; it is remembered
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if made == nil {
		if held {
			r.show()
		}
		return nil
	}
	return r.take(ctx, made.Generation)
}

// take makes a generation the latest and publishes it. turn and mu are held.
func (r *Reloader) take(ctx context.Context, made *Generation) error {
	r.history.add(made)
	r.history.rotateKeys()
	err := r.publishAll(ctx, CauseGeneration)
	r.reporter.generation(r.history, r.fleet, r.shown.Load())
	r.reporter.groups(r.history.latest, r.fleet.all())
	r.keeper.changed()
	return err
}

// publishAll gives every group what is good for it, and forgets what nobody needs any more. turn and
// mu are held.
func (r *Reloader) publishAll(ctx context.Context, cause Cause) error {
	err := r.fleet.publishAll(ctx)
	r.ledger.publish(cause, r.history.latest, r.fleet.groups)
	if r.history.prune(r.fleet.needed()) {
		r.keeper.changed()
	}
	r.show()
	return err
}

// RotateKeys publishes, to every group, what it is served with the keys that there are now. It
// is called whenever these, or the keys that are awaited, have changed.
func (r *Reloader) RotateKeys(ctx context.Context) error {
	defer r.keeper.save()
	r.turn.Lock()
	defer r.turn.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	waited := r.history.waits()
	r.history.rotateKeys()
	err := r.publishAll(ctx, CauseKeys)
	if latest := r.history.latest; waited && !r.history.waits() {
		r.options.Logger.Info("policy waits for no keys any more", "generation", latest.Seq, "hash", latest.Hash)
	}
	return err
}

// Again says when to call Reload again although nobody tells of a change, and for which paths.
func (r *Reloader) Again() input.Again {
	again, held := r.reader.unfinished.Load().again, r.admission.withheld.Load()
	if held == nil {
		return again
	}
	after := max(held.next.Sub(r.options.Now()), time.Millisecond)
	if again.After == 0 || after < again.After {
		again.After = after
	}
	return again
}

// Join implements server.Fleet: a group of gateways has connected.
func (r *Reloader) Join(n node.Group) {
	defer r.keeper.saveSoon()
	r.judge(n)
	r.mu.Lock()
	defer r.mu.Unlock()
	g, changed := r.fleet.join(n)
	if changed {
		r.keeper.changed()
	}
	r.ledger.publish(CauseJoined, r.history.latest, map[string]*group{n.Key: g})
	r.reporter.joined(r.history.latest, g)
	r.show()
}

// judge has a group judged by the PolicyTests of what it may be given, before mu is taken, so that no other gateway
// waits for that. What is found is remembered.
func (r *Reloader) judge(n node.Group) {
	r.mu.Lock()
	kept := slices.Clone(r.history.kept)
	r.mu.Unlock()
	for _, g := range kept {
		if len(g.refusals(n.Gateway)) == 0 && len(g.tests.refusals(n.Key, n.Gateway)) == 0 {
			return
		}
	}
}

// Leave implements server.Fleet: the last gateway of a group has gone. It asks for no write: the
// state has the group, and how long it was connected is written with what changes next.
func (r *Reloader) Leave(n node.Group) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if g := r.fleet.leave(n.Key); g != nil {
		r.ledger.publish(CauseLeft, r.history.latest, map[string]*group{n.Key: g})
	}
	r.show()
}

// Known implements server.Fleet: it reports whether a group of gateways is remembered. It is
// connected, was, or was with an earlier process whose state was kept.
func (r *Reloader) Known(key string) bool { return r.shown.Load().group(key) != nil }

// Connected notes that a stream of a gateway was opened, once its group is known.
func (r *Reloader) Connected(id, group string) { r.nodes.connected(r.shown.Load(), id, group) }

// Disconnected notes that a stream of a gateway has ended.
func (r *Reloader) Disconnected(id, group string) { r.nodes.disconnected(r.shown.Load(), id, group) }

// HadFilesIn reports whether what an earlier process kept has files of a directory.
func (r *Reloader) HadFilesIn(dir string) bool { return r.shown.Load().hadFilesIn(dir) }

// Mounts returns the directories that were mounts with files in what an earlier process kept.
func (r *Reloader) Mounts() []string { return r.shown.Load().mounts() }

// show makes the present state the one that is shown. The caller holds mu, or is New.
func (r *Reloader) show() {
	v := newView(r.history, r.fleet, r.reader.unfinished.Load().held)
	v.withheld = r.admission.withheld.Load()
	v.refusedSince = v.refusedAfter(r.shown.Load())
	r.shown.Store(v)
}
