package server

import (
	"sync"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"

	"github.com/portreeve/portreeve/xds/rollout"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// caches hold what one stream is served and the watches that wait for more, by type. A watch is answered
// once, by what it hands to its channel, or cancelled. They are safe for concurrent use.
type caches struct {
	// made is shared by the streams of a group.
	made *messages

	mu    sync.Mutex
	types map[string]*cached
}

// cached is one type. At most one of the watches is there.
type cached struct {
	part  *rollout.Part
	sotw  *sotwWatch
	delta *deltaWatch
}

// sotwWatch waits for another version than that of its request.
type sotwWatch struct {
	request *cachev3.Request
	sub     cachev3.Subscription
	out     chan<- cachev3.Response
}

// deltaWatch waits for what differs from what the gateway has. Where base is not nil, that is what base holds of
// what is asked for.
type deltaWatch struct {
	sub  cachev3.Subscription
	base *rollout.Part
	out  chan<- deltaResponse
}

// deltaResponse is what is to be sent, and what the gateway has of it then. Nobody may write to returned.
type deltaResponse struct {
	*message
	returned map[string]string
}

func newCaches(made *messages) *caches {
	return &caches{made: made, types: make(map[string]*cached, len(snapshot.Types()))}
}

// of returns the entry of a type. The lock is held.
func (c *caches) of(url string) *cached {
	if c.types[url] == nil {
		c.types[url] = &cached{}
	}
	return c.types[url]
}

// put answers the watch of a type, if one waits and the part differs from what was sent.
func (c *caches) put(url string, p *rollout.Part) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.of(url)
	t.part = p
	if w := t.sotw; w != nil && p.GetVersion(url) != w.request.GetVersionInfo() {
		t.sotw = nil
		w.answer(p)
	}
	if w := t.delta; w != nil {
		if response, more := c.made.differs(p, w); more {
			t.delta = nil
			w.out <- response
		}
		w.base = p
	}
}

// part returns what a type is served from, or false where there is nothing yet.
func (c *caches) part(url string) (*rollout.Part, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.of(url).part
	return p, p != nil
}

// waits reports whether a watch of a type is open: all that there is was sent, and answered.
func (c *caches) waits(url string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.types[url]
	return t != nil && (t.sotw != nil || t.delta != nil)
}

// watchAll watches a type in state-of-the-world. It is answered at once where the version is another, or where
// something is asked for that is there and was not sent.
func (c *caches) watchAll(r *cachev3.Request, sub cachev3.Subscription, out chan<- cachev3.Response) func() {
	c.mu.Lock()
	defer c.mu.Unlock()
	t, w := c.of(r.GetTypeUrl()), &sotwWatch{request: r, sub: sub, out: out}
	if t.part != nil && (t.part.GetVersion(r.GetTypeUrl()) != r.GetVersionInfo() || lacks(t.part, sub)) {
		w.answer(t.part)
		return func() {}
	}
	t.sotw = w
	return func() { c.cancel(func() { t.sotw = nil }) }
}

// watch watches a type in delta, for a request that answers the response with that nonce. The first request of a
// type, which answers none, is answered in any case where it asks for everything, as Envoy waits for that.
func (c *caches) watch(url string, nonce string, sub cachev3.Subscription, out chan<- deltaResponse) (cancel func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t, w := c.of(url), &deltaWatch{sub: sub, out: out}
	if t.part != nil {
		response, more := c.made.differs(t.part, w)
		if !more && nonce == "" && sub.IsWildcard() {
			response, more = deltaResponse{message: newMessage(url, t.part.GetVersion(url), nil, nil), returned: has(t.part, sub)}, true
		}
		if more {
			out <- response
			return nil
		}
		w.base = t.part
	}
	t.delta = w
	return func() { c.cancel(func() { t.delta = nil }) }
}

func (c *caches) cancel(forget func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	forget()
}

// lacks reports whether something of a part is asked for and was not returned.
func lacks(p *rollout.Part, sub cachev3.Subscription) bool {
	if !sub.IsWildcard() {
		for name := range sub.SubscribedResources() {
			if _, returned := sub.ReturnedResources()[name]; !returned && p.Has(name) {
				return true
			}
		}
		return false
	}
	for name := range p.GetVersionMap(p.URL()) {
		if _, returned := sub.ReturnedResources()[name]; !returned {
			return true
		}
	}
	return false
}

// answer hands on what is asked for of a part. The bytes of the resources are those of the part.
func (w *sotwWatch) answer(p *rollout.Part) {
	version, versions := p.GetVersion(p.URL()), p.GetVersionMap(p.URL())
	named := map[string]bool{}
	for _, name := range w.request.GetResourceNames() {
		named[name] = true
	}
	returned := make(map[string]string, len(versions))
	body := &discoveryv3.DiscoveryResponse{VersionInfo: version, TypeUrl: p.URL()}
	for name := range versions {
		if len(named) == 0 || named[name] {
			returned[name] = version
			body.Resources = append(body.Resources, p.Encoded(name))
		}
	}
	w.out <- &cachev3.PassthroughResponse{Request: w.request, ReturnedResources: returned, DiscoveryResponse: body}
}
