package server

import (
	"maps"
	"sync"
	"time"

	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/stream/v3"

	"github.com/portreeve/portreeve/xds/ack"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// How long after a refusal the same is sent again: its cause may have gone, such as another process on
// the port of a listener. The wait doubles while the content stays the same.
const (
	firstRedelivery = time.Second
	maxRedelivery   = time.Minute
	// secretRedelivery is the wait of a secret whose file cannot be used. It never doubles: rotated
	// files are written at any time, and nobody tells.
	secretRedelivery = 5 * time.Second
)

// redelivery is what the gateway of one stream has refused and what of it is to be sent again, and when.
//
// What is due becomes a request on the stream, see requests, so that all is sent by the goroutine of
// the stream. There is one timer. It is safe for concurrent use.
type redelivery struct {
	clock clock
	// whole says that each response holds all that there is of its type: state-of-the-world.
	whole bool
	// due are the types that are to be sent again. There is room for all, and each is in it once at most.
	due chan string

	mu    sync.Mutex
	types map[string]*refused
	stop  func() bool
}

// refused is what is refused of one type.
type refused struct {
	// versions are what was refused and not accepted since, by name; "" is a removal.
	versions map[string]string
	// doubtful are, in delta, the names in refused responses that are not on their way again. A refusal
	// is for the whole response, and the library counts what it sent as delivered. So when only the bad
	// resource is repaired, its neighbours would not be sent again, whether or not the gateway took
	// them: an edit that tightens a policy could be lost.
	doubtful map[string]struct{}
	// wait is how long the next refusal of the same is waited after, and at when the type is due; zero is never.
	wait time.Duration
	at   time.Time
	// queued says that the type is in due, and now that the next watch sends what is doubtful.
	queued, now bool
}

func newRedelivery(c clock, p ack.Protocol) *redelivery {
	return &redelivery{clock: c, whole: p == ack.SotW, due: make(chan string, len(snapshot.Types())), types: map[string]*refused{}}
}

// of returns what is refused of a type. The lock is held.
func (r *redelivery) of(url string) *refused {
	if r.types[url] == nil {
		r.types[url] = &refused{versions: map[string]string{}, doubtful: map[string]struct{}{}}
	}
	return r.types[url]
}

// refuses notes a refused response, and has it sent again after a while. Policy is not: Envoy would
// say yes to the same content unread, so only an edit can put it right.
func (r *redelivery) refuses(d ack.Delivery) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.of(d.URL)
	if t.takes(d) || t.wait == 0 {
		t.wait = firstRedelivery
	}
	if r.whole {
		maps.DeleteFunc(t.versions, func(name, _ string) bool { _, sent := d.Resources[name]; return !sent })
		clear(t.doubtful)
	}
	if d.URL != resourcev3.ExtensionConfigType {
		r.after(d.URL, t.wait)
	}
}

// keepsRemovals notes what a refused response took away; it is sent again with what is accepted next.
func (r *redelivery) keepsRemovals(d ack.Delivery) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.of(d.URL)
	for name := range d.Resources {
		t.drop(name)
	}
	t.takes(ack.Delivery{Removed: d.Removed})
}

// takes adds a refused response, and reports whether its content is other than what was refused before.
func (t *refused) takes(d ack.Delivery) bool {
	news := false
	for name, version := range d.Resources {
		before, known := t.versions[name]
		news = news || !known || before != version
		t.versions[name], t.doubtful[name] = version, struct{}{}
	}
	for _, name := range d.Removed {
		t.versions[name], t.doubtful[name] = "", struct{}{}
	}
	t.now = false
	return news
}

// retriesSecrets has secrets that are refused alone sent again after a while.
func (r *redelivery) retriesSecrets() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.after(resourcev3.SecretType, secretRedelivery)
}

// after makes a type due after a while. The lock is held.
func (r *redelivery) after(url string, wait time.Duration) {
	r.of(url).at = r.clock.Now().Add(wait)
	r.wake()
}

// accepts notes an accepted response. In delta what is left in doubt is sent at once, as the
// gateway has shown that it takes other things; not before, or it would refuse the same for ever.
func (r *redelivery) accepts(d ack.Delivery) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t, ok := r.types[d.URL]
	if !ok {
		return
	}
	if r.whole && d.URL != resourcev3.SecretType {
		// Not the type itself, which may be in due: it must not be there twice.
		clear(t.versions)
		clear(t.doubtful)
	}
	for name := range d.Resources {
		t.drop(name)
	}
	for _, name := range d.Removed {
		t.drop(name)
	}
	t.now = len(t.doubtful) > 0
	t.rest(d.URL)
}

// forgets drops names of which no more is to be sent.
func (r *redelivery) forgets(url string, names []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t, ok := r.types[url]; ok {
		for _, name := range names {
			t.drop(name)
		}
		t.rest(url)
	}
}

// keep drops all names but these.
func (t *refused) keep(names map[string]struct{}) {
	for name := range t.versions {
		if _, asked := names[name]; !asked {
			t.drop(name)
		}
	}
}

func (t *refused) drop(name string) {
	delete(t.versions, name)
	delete(t.doubtful, name)
}

// rest ends the waiting where nothing is refused any more. Secrets that are refused alone are not counted here.
func (t *refused) rest(url string) {
	if len(t.versions) == 0 && url != resourcev3.SecretType {
		t.at, t.wait = time.Time{}, 0
	}
}

// edited makes due at once what waits of the types that an edit has left the same. How long is waited
// afterwards stays what it was.
func (r *redelivery) edited(same func(url string) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for url, t := range r.types {
		if url != resourcev3.SecretType && !t.at.IsZero() && same(url) {
			r.queue(url, t)
		}
	}
}

// fire makes due what has waited long enough, and doubles its next wait.
func (r *redelivery) fire() {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.clock.Now()
	for url, t := range r.types {
		if !t.at.IsZero() && !now.Before(t.at) {
			t.wait = min(2*t.wait, maxRedelivery)
			r.queue(url, t)
		}
	}
	r.wake()
}

// queue puts a type into due. The lock is held.
func (r *redelivery) queue(url string, t *refused) {
	t.at = time.Time{}
	if !t.queued {
		t.queued = true
		r.due <- url
	}
}

// wake sets the timer to when the first type is due. The lock is held.
func (r *redelivery) wake() {
	if r.stop != nil {
		r.stop()
		r.stop = nil
	}
	var next time.Time
	for _, t := range r.types {
		if !t.at.IsZero() && (next.IsZero() || t.at.Before(next)) {
			next = t.at
		}
	}
	if !next.IsZero() {
		r.stop = r.clock.AfterFunc(next.Sub(r.clock.Now()), r.fire)
	}
}

// take is called when a type has come out of due, and reports whether it is still refused.
func (r *redelivery) take(url string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.of(url)
	t.queued, t.now = false, len(t.doubtful) > 0
	return len(t.versions) > 0
}

// resend makes the next watch of a delta subscription send what is doubtful, or remove it where it
// is gone: an empty version differs from every other. Others may share the map of what was returned, so it is made anew.
//
// What is asked for no longer is forgotten also where it was refused after that: a client chooses these
// names, and there would be ever more of them.
func (r *redelivery) resend(url string, sub *stream.Subscription) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t, ok := r.types[url]
	if !ok {
		return
	}
	if !sub.IsWildcard() {
		t.keep(sub.SubscribedResources())
		t.rest(url)
	}
	if !t.now {
		return
	}
	returned := copied(sub.ReturnedResources())
	for name := range t.doubtful {
		returned[name] = ""
	}
	sub.SetReturnedResources(returned)
	clear(t.doubtful)
	t.now = false
	if url != resourcev3.SecretType {
		t.at = time.Time{}
	}
}

// close ends the waiting.
func (r *redelivery) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.types)
	r.wake()
}
