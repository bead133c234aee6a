package reload

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/hashicorp/go-multierror"

	"github.com/portreeve/portreeve/internal/diag"
	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/xds/node"
	"github.com/portreeve/portreeve/xds/snapshot"
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

// Options are what a reloader works with.
type Options struct {
	// Dirs are the policy directories, in the order given by the user.
	Dirs     []string
	Settings model.Settings
	Keyring  Keyring
	// Quiet is how long a file must have been left alone to count as written.
	Quiet time.Duration
	// State keeps the last good generations; nil keeps nothing.
	State   *State
	Logger  *slog.Logger
	Metrics *Metrics
	Now     func() time.Time
}

// Reloader owns the generations. It is safe for concurrent use.
type Reloader struct {
	options   Options
	publisher Publisher

	mu     sync.Mutex
	latest *Generation
	// kept are the generations that may have to be served, newest first: the latest, those
	// that a group is served, the newest that is clean for every gateway and waits for no
	// keys, and the clean ones after it.
	kept []*Generation
	// awaited are the sources of keys that a generation waits for before a group is served it.
	awaited map[model.KeySource]string
	groups  map[string]*group
	settled map[string][]byte
	// memory is what was read of the files that are at rest.
	memory memory
	seq    uint64
	// deferred says that the last reading left a file out that was being written.
	deferred bool
	// begun says that every file has been read once. Until then a file that is being written
	// has no content to keep, and leaving it out could drop the policy that guards.
	begun bool
	// reminded is when it was last said that the beginning still waits for such files.
	reminded time.Time
	// warned is, by certificate, how many days it had left when the log last said so.
	warned map[string]int
	// unsaved says that the state on disk is not that of kept and groups.
	unsaved bool

	// served maps a group's key to its envoy.Resources. It is apart from mu, so that a
	// stream can ask what a refusal is about while a reload is being published to it.
	served sync.Map
}

// group is the gateways of one identity and what they are served.
type group struct {
	gateway   model.Gateway
	connected bool
	serving   *Generation
	// awaited says that an earlier process served it, and no gateway has come back since.
	awaited bool
	refused diag.List
	// respelled says of which secrets the paths are written in another way; see Reread.
	respelled map[string]bool
	// waiting names the sources of keys that keep the latest generation from the group.
	waiting []string
}

// New returns a reloader that has read nothing yet. With a state directory it knows the
// generations that an earlier process kept there.
func New(o Options) (*Reloader, error) {
	r := &Reloader{options: o, groups: map[string]*group{}, settled: map[string][]byte{}, memory: memory{}}
	if o.State != nil {
		kept, gateways, err := o.State.load(o.Settings)
		if err != nil {
			return nil, fmt.Errorf("load state: %w", err)
		}
		r.kept = kept
		r.turnKeys()
		for _, g := range gateways {
			r.groups[node.Of(g).Key] = &group{gateway: g, serving: lastGood(kept, g), awaited: true}
		}
	}
	return r, nil
}

// PublishTo names the publisher. It is called once, before the first Reload or Join.
func (r *Reloader) PublishTo(p Publisher) { r.publisher = p }

// Reload reads the directories, compiles them, and publishes the result to every group of
// gateways that no error reaches. Files that are still being written keep what they last held.
// The error is about publishing or the state directory; users' mistakes are findings.
func (r *Reloader) Reload(ctx context.Context, change Change) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	files, unreadable := r.read(change)
	if r.latest != nil && hashOf(files, unreadable) == r.latest.Hash {
		return r.save()
	}
	r.seq++
	r.latest = newGeneration(r.seq, r.options.Now(), files, unreadable, r.options.Settings, r.before(), r.servedCertificates())
	r.kept = append([]*Generation{r.latest}, r.kept...)
	r.turnKeys()
	err := r.publishAll(ctx)
	r.prune()
	r.report()
	r.reportGroups()
	r.unsaved = true
	return multierror.Append(nil, err, r.save()).ErrorOrNil()
}

// before returns the newest program, from which the next can take what has not changed.
func (r *Reloader) before() *translate.Program {
	if len(r.kept) == 0 {
		return &translate.Program{}
	}
	return r.kept[0].Program
}

// Rekey publishes, to every group, what it is served with the keys that there are now. It
// is called whenever these, or the keys that are awaited, have changed.
func (r *Reloader) Rekey(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	waited := r.latest != nil && r.latest.waits(r.awaited)
	r.turnKeys()
	err := r.publishAll(ctx)
	r.prune()
	if waited && !r.latest.waits(r.awaited) {
		r.options.Logger.Info("policy waits for no keys any more", "generation", r.latest.Seq, "hash", r.latest.Hash)
	}
	return multierror.Append(nil, err, r.save()).ErrorOrNil()
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

// Deferred reports whether the last Reload left out a file that was being written, so that
// it has to be called again.
func (r *Reloader) Deferred() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.deferred
}

// save writes the state where it has changed or could not be written before.
func (r *Reloader) save() error {
	if r.options.State == nil || !r.unsaved {
		return nil
	}
	if err := r.options.State.save(r.kept, r.groups); err != nil {
		return err
	}
	r.unsaved = false
	return nil
}

// publish gives a group the newest generation that is clean for it and that waits for no
// keys of its policy: what was served before is better than what would refuse every token
// until they come. Without any it is given nothing: its listeners stay as they are, or do
// not open.
func (r *Reloader) publish(ctx context.Context, key string, g *group) error {
	g.refused, g.waiting = nil, nil
	for _, generation := range r.kept {
		resources, refused := generation.resources(g.gateway)
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
		if g.serving == generation {
			return nil
		}
		if !g.connected {
			g.serving = generation
			return nil
		}
		s, err := snapshot.New(g.spelled(resources))
		if err != nil {
			return fmt.Errorf("generation %s for %s: %w", generation.Hash, key, err)
		}
		if err := r.publisher.Set(ctx, key, s); err != nil {
			return err
		}
		g.serving = generation
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
	maps.Copy(served, r.returning())
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

// report logs a generation once, with every finding.
func (r *Reloader) report() {
	findings := r.latest.Findings()
	log := r.options.Logger.With("generation", r.latest.Seq, "hash", r.latest.Hash)
	switch {
	case findings.HasErrors():
		log.Error("policy refused, the last good one stays where the errors reach", "findings", lines(findings))
	case len(findings) > 0:
		log.Warn("policy compiled with warnings", "findings", lines(findings))
	default:
		log.Info("policy compiled")
	}
	if r.latest.waits(r.awaited) {
		log.Info("policy waits for keys before it is served", "sources", r.latest.waitingNames(r.awaited))
	}
	r.options.Metrics.generation(r.latest)
}

// reportGroups logs what refuses the generation for one group of gateways alone, which is
// not among its findings: a Secret that is not in their namespace.
func (r *Reloader) reportGroups() {
	told := map[string]bool{}
	for _, f := range r.latest.Findings() {
		told[f.String()] = true
	}
	for key, g := range r.groups {
		own := slices.DeleteFunc(slices.Clone(g.refused), func(d diag.Diagnostic) bool { return told[d.String()] })
		if g.connected && len(own) > 0 {
			r.options.Logger.Error("policy refused for a group of gateways, the last good one stays", "group", key, "findings", lines(own))
		}
	}
}

func lines(findings diag.List) []string {
	out := make([]string, 0, len(findings))
	for _, f := range findings {
		out = append(out, f.String())
	}
	return out
}

// Join implements server.Fleet: a group of gateways has connected.
func (r *Reloader) Join(n node.Group) {
	r.mu.Lock()
	defer r.mu.Unlock()
	g := &group{gateway: n.Gateway, connected: true}
	r.resume(n.Key, g)
	r.groups[n.Key] = g
	r.unsaved = true
	if err := r.publish(context.Background(), n.Key, g); err != nil {
		r.options.Logger.Error("cannot serve gateway", "group", n.Key, "error", err)
	}
	switch {
	case g.serving != nil:
	case len(g.waiting) > 0:
		r.options.Logger.Info("policy for gateway waits for keys, its listeners open then", "group", n.Key, "sources", g.waiting)
	default:
		r.options.Logger.Error("no good policy for gateway, its listeners do not open", "group", n.Key, "findings", lines(g.refused))
	}
	if err := r.save(); err != nil {
		r.options.Logger.Error("cannot write state", "error", err)
	}
}

// Leave implements server.Fleet: the last gateway of a group has gone.
func (r *Reloader) Leave(n node.Group) {
	r.mu.Lock()
	defer r.mu.Unlock()
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
