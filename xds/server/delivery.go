package server

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/portreeve/portreeve/xds/ack"
	"github.com/portreeve/portreeve/xds/rollout"
)

// delivery is what one stream is served: it puts into the stream's caches what the rollout wants, in
// order, and tells the rollout what was answered.
//
// mu is held while something is put and while a watch is created, so that no request is answered
// from between two puts: endpoints would be missing of a cluster that is there already.
type delivery struct {
	logger *slog.Logger
	caches *caches

	mu      sync.Mutex
	rollout *rollout.Rollout
	newest  *rollout.Generation
	// put is what each type was served last. asked are the types that were asked for, and refused
	// those whose last answer was a refusal.
	put map[string]*rollout.Part
	// sending is what the response of each type was made of that is on its way, or went last.
	sending        map[string]*rollout.Part
	asked, refused map[string]bool
	timer          *time.Timer
	closed         bool
	// redelivery is told of every edit.
	redelivery *redelivery
	// record is that of the stream, once it is there.
	record atomic.Pointer[ack.Stream]
	// keyless is not nil where the gateway may have no keys. It is called when it would have got some, and gets nothing.
	keyless func()
}

var _ rollout.Answers = (*delivery)(nil)

func newDelivery(m *rollout.Memo, made *messages, again *redelivery, logger *slog.Logger) *delivery {
	return &delivery{
		logger: logger, redelivery: again, caches: newCaches(made), rollout: rollout.New(m),
		put: map[string]*rollout.Part{}, sending: map[string]*rollout.Part{}, asked: map[string]bool{}, refused: map[string]bool{},
	}
}

// Answered implements rollout.Answers.
func (d *delivery) Answered(url string) bool { return !d.asked[url] || d.caches.waits(url) }

// Asked implements rollout.Answers.
func (d *delivery) Asked(url string) bool { return d.asked[url] }

// Refused implements rollout.Answers.
func (d *delivery) Refused(url string) bool { return d.refused[url] }

// offer makes a generation the newest.
func (d *delivery) offer(g *rollout.Generation) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	before := d.newest
	d.newest = g
	d.rollout.Offer(g, time.Now())
	err := d.advance()
	// Only now: what the edit has changed is sent anyway, and comes first.
	d.redelivery.edited(func(url string) bool { return g.Part(url).Same(before.Part(url)) })
	return err
}

// edited has the record time how long an edit takes to be accepted, by the types that it changes.
func (d *delivery) edited(before, after *rollout.Generation, at time.Time) {
	record := d.record.Load()
	if record == nil || before == nil || at.IsZero() {
		return
	}
	versions := map[string]string{}
	for _, url := range rollout.Order() {
		if p := after.Part(url); !p.Same(before.Part(url)) {
			versions[url] = p.GetVersion(url)
		}
	}
	record.Edited(at, versions)
}

// settled reports whether the gateway has answered all that it was sent, and is to be sent nothing now.
func (d *delivery) settled() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, url := range rollout.Order() {
		if !d.Answered(url) {
			return false
		}
	}
	return true
}

// answers notes whether the gateway took the last response of a type.
func (d *delivery) answers(url string, refusal bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refused[url] = refusal
}

// watch creates a watch and goes on with what it answers. With the first of a type comes what the
// gateway has of it already, or nil.
func (d *delivery) watch(url string, has *rollout.Part, create func() (func(), error)) (func(), error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if has != nil && !d.asked[url] {
		d.rollout.Has(has, time.Now())
		if err := d.serve(); err != nil {
			return nil, err
		}
	}
	d.asked[url], d.sending[url] = true, d.put[url]
	cancel, err := create()
	if err != nil {
		return nil, err
	}
	return cancel, d.advance()
}

// advance serves what is to be served until nothing goes on any more. d.mu is held.
func (d *delivery) advance() error {
	for more := !d.closed; more; more = d.rollout.Step(d, time.Now()) {
		if err := d.serve(); err != nil {
			return err
		}
	}
	d.wake()
	return nil
}

// serve puts what has become another. A part of equal version has equal content, but its lines may
// have moved in the files: it is what is traced from now on.
func (d *delivery) serve() error {
	for _, url := range rollout.Order() {
		want := d.rollout.Want(url)
		if want == nil || want == d.put[url] {
			continue
		}
		same := want.Same(d.put[url])
		if d.put[url] = want; same {
			continue
		}
		if d.caches.waits(url) {
			d.sending[url] = want
		}
		d.caches.put(url, want)
	}
	return nil
}

// wake sets the timer for what goes on by itself.
func (d *delivery) wake() {
	if d.timer != nil {
		d.timer.Stop()
	}
	next := d.rollout.Next()
	if d.closed || next.IsZero() {
		return
	}
	d.timer = time.AfterFunc(time.Until(next), func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if err := d.advance(); err != nil {
			d.logger.Error("cannot go on with an update", "error", err)
		}
	})
}

// close ends what goes on by itself. The stream's watches are cancelled already.
func (d *delivery) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	d.wake()
}

// served returns what of a type was put last.
func (d *delivery) served(url string) *rollout.Part {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.put[url]
}

// sent returns what a response of a type is made of. It is called when the response goes out.
func (d *delivery) sent(url string) *rollout.Part {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.sending[url]
}

// part returns what a type is served from. d.mu is held, by whoever creates a watch.
func (d *delivery) part(url string) (*rollout.Part, bool) { return d.caches.part(url) }
