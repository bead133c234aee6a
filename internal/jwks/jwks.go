// Package jwks fetches the keys of token issuers, keeps the last good ones, and tells when
// they change.
//
// Every source that a policy names is fetched by itself: one that hangs delays no other.
// What an issuer answers is read before it replaces anything, so an error page never takes
// the place of keys. A source without keys is absent from Keys, and what is absent there
// refuses every token of its rules.
package jwks

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portreeve/portreeve/translate/model"
)

// The defaults of Options.
const (
	defaultRefresh      = 20 * time.Minute
	defaultMinRefresh   = time.Minute
	defaultMaxRefresh   = 24 * time.Hour
	defaultFirstBackoff = time.Second
	defaultMaxBackoff   = 5 * time.Minute
	defaultTimeout      = 5 * time.Second
)

const (
	// retention is how long the keys of a source are kept that no policy names any more.
	retention = 7 * 24 * time.Hour
	// concurrency bounds the fetches at one time. It is far above what hangs at one time
	// where all is well, and keeps a storm from taking every file descriptor.
	concurrency = 64
	// maxFirstFetchTimeout bounds how long policy waits for the keys of a source that is new, however
	// long its rules let a fetch take: a rule that closes must not wait for ever.
	maxFirstFetchTimeout = 15 * time.Second
)

// Options say how keys are fetched. The zero value of each interval is its default.
type Options struct {
	// StateDir keeps the last good keys across restarts, in its folder jwks. Empty keeps
	// nothing. Who can write there can make tokens.
	StateDir string
	// CAFile holds PEM roots that are trusted besides the system's. Empty means none.
	CAFile string
	// BlockCIDRs are refused besides link-local and well-known metadata addresses.
	BlockCIDRs []netip.Prefix
	// Logger hears of changes of state, not of tries. Nil is silence.
	Logger *slog.Logger
	// Changed is told of what becomes of the keys of a source, with no lock held. It must not wait. Nil is nobody.
	Changed func(Change)
	// Registerer takes the metrics. Nil takes none.
	Registerer prometheus.Registerer
	// Now is the clock. Nil is time.Now.
	Now func() time.Time
	// Refresh is the time between fetches where the issuer does not say; what it says is
	// held between MinRefresh and MaxRefresh. Defaults: 20 minutes, 1 minute, 24 hours.
	Refresh, MinRefresh, MaxRefresh time.Duration
	// FirstBackoff is the wait after a failure; it doubles up to MaxBackoff. Defaults: 1
	// second, 5 minutes.
	FirstBackoff, MaxBackoff time.Duration
	// Timeout bounds one exchange where no policy says so itself. Default: 5 seconds.
	Timeout time.Duration
}

func (o Options) completed() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Changed == nil {
		o.Changed = func(Change) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	fill := func(d *time.Duration, value time.Duration) {
		if *d <= 0 {
			*d = value
		}
	}
	fill(&o.Refresh, defaultRefresh)
	fill(&o.MinRefresh, defaultMinRefresh)
	fill(&o.MaxRefresh, defaultMaxRefresh)
	fill(&o.FirstBackoff, defaultFirstBackoff)
	fill(&o.MaxBackoff, defaultMaxBackoff)
	fill(&o.Timeout, defaultTimeout)
	return o
}

// Fetcher fetches keys. It is safe for concurrent use.
type Fetcher struct {
	options Options
	client  *client
	store   *store // nil keeps nothing
	fetches *prometheus.CounterVec
	changes chan struct{}
	// wake tells the scheduler, unsaved the keeper of the state directory.
	wake, unsaved chan struct{}
	// slots bounds the fetches at one time.
	slots chan struct{}

	mu      sync.Mutex
	sources map[model.KeySource]*source
	pages   map[pageKey]*page
	// pass counts the rounds of the scheduler.
	pass      uint64
	published model.Keys
	// awaited are the sources whose first attempt policy waits for.
	awaited map[model.KeySource]string
	dirty   map[model.KeySource]bool
}

// New returns a fetcher that knows the keys kept in the state directory. An entry there
// that cannot be read is logged and set aside. The error says that the CA file or the state
// directory cannot be used, or that the metrics are registered already.
func New(o Options) (*Fetcher, error) {
	o = o.completed()
	client, err := newClient(o)
	if err != nil {
		return nil, err
	}
	f := &Fetcher{
		options: o, client: client,
		changes: make(chan struct{}, 1), wake: make(chan struct{}, 1), unsaved: make(chan struct{}, 1),
		slots:   make(chan struct{}, concurrency),
		sources: map[model.KeySource]*source{}, pages: map[pageKey]*page{},
		published: model.Keys{}, dirty: map[model.KeySource]bool{},
	}
	if o.StateDir != "" {
		var entries []saved
		if f.store, entries, err = recall(o); err != nil {
			return nil, fmt.Errorf("open the state directory of keys: %w", err)
		}
		f.takeOver(entries)
	}
	if err := f.register(o.Registerer); err != nil {
		return nil, fmt.Errorf("register the metrics of keys: %w", err)
	}
	return f, nil
}

// takeOver takes over kept keys. They wait until a policy names their source.
func (f *Fetcher) takeOver(entries []saved) {
	for _, e := range entries {
		f.sources[e.Source] = &source{KeySource: e.Source, restored: e.UnwantedSince.IsZero(), unwantedSince: e.UnwantedSince, keys: e.Keys}
		p := f.page(pageKey{keyPage, e.Keys.URI})
		if !p.fetchedAt.After(e.Keys.FetchedAt) {
			p.content, p.fetchedAt = e.Keys.content, e.Keys.FetchedAt
		}
	}
}

// Want says which sources policies name now, all of them, each once. A source that was not
// named before, or is with another timeout or revision now, is fetched at once, whatever
// failed before. The keys of one that is not named any more are kept for seven days, in case
// it returns.
func (f *Fetcher) Want(requests []model.KeyRequest) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.options.Now()
	named := map[model.KeySource]bool{}
	for _, r := range requests {
		key := r.KeySource
		named[key] = true
		s, ok := f.sources[key]
		if !ok {
			s = &source{KeySource: key}
			f.sources[key] = s
		}
		if s.want(r, f.options) && s.keys.known() {
			f.mark(key)
		}
	}
	for key, s := range f.sources {
		if !named[key] && s.leave(now) {
			f.mark(key)
		}
	}
	f.evict(now)
	f.publish()
	notify(f.wake)
}

// Refetch fetches the keys of every wanted source at once, as many at one time as ever. Those
// that a fetch fails to bring anew stay in use. Asked again before it is done, it does no more.
func (f *Fetcher) Refetch() {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.options.Now()
	for _, s := range f.sources {
		if s.wanted {
			s.refetch(now)
		}
	}
	notify(f.wake)
}

// evict forgets sources that nobody has named for long, and pages that no source reads.
func (f *Fetcher) evict(now time.Time) {
	read := map[pageKey]bool{}
	for key, s := range f.sources {
		if s.forgotten(now) {
			delete(f.sources, key)
			f.mark(key)
			continue
		}
		read[pageKey{keyPage, s.uri()}] = true
		read[pageKey{keyPage, s.keys.URI}] = true
		read[pageKey{discoveryPage, discoveryURL(s.Issuer)}] = true
	}
	maps.DeleteFunc(f.pages, func(k pageKey, _ *page) bool { return !read[k] })
}

// publish tells whether the keys of the wanted sources have changed, or what is awaited.
func (f *Fetcher) publish() {
	keys, awaited := model.Keys{}, map[model.KeySource]string{}
	for key, s := range f.sources {
		if s.wanted && s.keys.known() {
			keys[key] = s.keys.Set
		}
		if !s.awaited.IsZero() {
			awaited[key] = s.name()
		}
	}
	if !maps.Equal(keys, f.published) || !maps.Equal(awaited, f.awaited) {
		f.published, f.awaited = keys, awaited
		notify(f.changes)
	}
}

// mark has the entry of a source in the state directory written, or removed.
func (f *Fetcher) mark(key model.KeySource) {
	if f.store != nil {
		f.dirty[key] = true
		notify(f.unsaved)
	}
}

// Keys returns the last good keys of every wanted source, also stale ones. Each is a set
// that Envoy accepts. The map is the caller's.
func (f *Fetcher) Keys() model.Keys {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.published)
}

// Awaited returns the wanted sources that are new and have not been tried to their end yet,
// each with the name that may be shown of it. None stays here for longer than its fetch may
// take, or 15 seconds. Whoever acts on both asks for these before Keys: then keys that come
// in between are told by Changes, and none that were awaited are taken to be missing.
func (f *Fetcher) Awaited() map[model.KeySource]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.awaited)
}

// Changes tells that Keys or Awaited has changed. It holds at most one such word, is never closed, and
// is for one reader.
func (f *Fetcher) Changes() <-chan struct{} { return f.changes }

// Run fetches until the context ends, and returns nil then. Nothing that it started
// outlives it, unless it is a write to a disk that hangs. It runs once.
func (f *Fetcher) Run(ctx context.Context) error {
	f.run(ctx)
	return nil
}

// notify puts a word into a channel of capacity 1, unless there is one.
func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
