package ack

import (
	"hash/maphash"
	"maps"
	"slices"
	"time"

	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"

	"github.com/portreeve/portreeve/xds/snapshot"
)

// maxTraced bounds the responses of one type that wait for an answer and can still be traced: a client
// that never answers must not keep every generation's trace.
const maxTraced = 4

// maxDue bounds the responses of one type that may wait for an answer, so that a client that
// subscribes without ever answering cannot fill memory. Envoy answers each before the next.
const maxDue = 64

// maxDueNames bounds the names in them, but for the last: a client chooses those of endpoints, which
// something stands in for where there are none.
const maxDueNames = maxKnown

// Stream is the record of one open stream. Its methods are called by one goroutine at a time,
// that of the stream; the store may be read meanwhile.
type Stream struct {
	store *Store
	peer  Peer
	since time.Time
	// types is guarded by store.mu.
	types map[string]*record
}

// record is the state of one type.
type record struct {
	sent      Response
	accepted  string
	refusal   *Refusal
	refused   bool
	resources map[string]*tracked
	due       []Delivery
	// edit waits for the response that takes it to the gateway.
	edit edit
}

// tracked is a resource and a hash of why it was refused last, until it is accepted. Bad is the hash of
// its content where it is certain that it was this resource that was refused.
type tracked struct {
	Resource
	reason uint64
	bad    string
}

// Delivery is a response that goes out.
type Delivery struct {
	// URL is the type of its resources.
	URL            string
	Version, Nonce string
	// Resources maps the names in the response to their versions.
	Resources map[string]string
	// Removed are the names that a delta response takes away.
	Removed []string
	// Trace leads from the names to where they were written. It must not be written to.
	Trace snapshot.Trace
	// Hashes are those of the contents, in state-of-the-world, where a version is that of the type. They
	// must not be written to.
	Hashes map[string]string
	// Unread are, in what Acked returns, the names that the gateway refused before and has not looked
	// at again: it says yes, and stays on what it had.
	Unread []string
	// Mended are, in what Acked returns, the names that the gateway had refused and takes now.
	Mended []string
	// Partial says that a response of state-of-the-world is not all that there is of the type.
	Partial bool
	// edited is when the edit was seen that it takes to the gateway first; the zero time where it takes none.
	edited time.Time
}

// hash returns that of a resource's content.
func (d Delivery) hash(name string) string {
	if d.Hashes != nil {
		return d.Hashes[name]
	}
	return d.Resources[name]
}

// names returns what the delivery is about, ordered.
func (d Delivery) names() []string {
	return slices.Sorted(maps.Keys(d.Resources))
}

// Sent records that a response goes out.
func (st *Stream) Sent(d Delivery) {
	s := st.store
	s.mu.Lock()
	r := st.record(d.URL)
	r.sent = Response{Version: d.Version, Nonce: d.Nonce, At: s.clock()}
	if st.peer.Protocol == SotW {
		// Every response is complete unless it says that it is not, and only the last one can
		// still be answered. It takes their edits along.
		d.edited = earliest(r.due)
		r.due = nil
	}
	if st.peer.Protocol == SotW && !d.Partial {
		maps.DeleteFunc(r.resources, func(name string, _ *tracked) bool { _, ok := d.Resources[name]; return !ok })
	}
	for name, version := range d.Resources {
		r.resource(name).Sent = version
	}
	for _, name := range d.Removed {
		if res, ok := r.resources[name]; ok {
			res.Sent = ""
		}
	}
	if at := r.edit.leaves(s.clock); d.edited.IsZero() {
		d.edited = at
	}
	r.awaits(d)
	s.mu.Unlock()
	s.metrics.sent.WithLabelValues(nameOf(d.URL)).Inc()
	st.tell(ResponseSent, d, nil)
}

// awaits adds a response that waits for its answer, and forgets the oldest beyond the bounds.
func (r *record) awaits(d Delivery) {
	names := 0
	for _, before := range r.due {
		names += len(before.Resources) + len(before.Removed)
	}
	for len(r.due) == maxDue || names > maxDueNames {
		names -= len(r.due[0].Resources) + len(r.due[0].Removed)
		r.due = slices.Delete(r.due, 0, 1)
	}
	r.due = append(r.due, d)
	if old := len(r.due) - maxTraced; old > 0 {
		r.due[old-1].Trace = nil
	}
}

// Acked records that the gateway took the response with that nonce. A nonce that no answer is
// due for is passed by: a request may repeat one to change its subscription. It returns the response
// that was answered, or false.
func (st *Stream) Acked(url, nonce string) (Delivery, bool) {
	s := st.store
	s.mu.Lock()
	r := st.record(url)
	d, ok := r.answer(nonce)
	if !ok {
		s.mu.Unlock()
		return Delivery{}, false
	}
	d.Unread, d.Mended = r.accept(d)
	if r.refused = false; len(d.Unread) == 0 {
		r.accepted = d.Version
	}
	for _, name := range d.Removed {
		// It may have been sent anew since.
		if res, ok := r.resources[name]; ok && res.Sent == "" {
			delete(r.resources, name)
		}
	}
	s.mu.Unlock()
	s.metrics.accepted.WithLabelValues(nameOf(url)).Inc()
	if !d.edited.IsZero() && len(d.Unread) == 0 {
		s.metrics.edits.WithLabelValues(nameOf(url)).Observe(max(0, s.clock().Sub(d.edited).Seconds()))
	}
	st.tell(ResponseAccepted, d, nil)
	return d, true
}

// accept notes that resources were accepted. Policy that was refused is not where its content is the
// same: Envoy compares it with what it was sent last, refused or not, and says yes unread. To call that
// accepted would show a policy in force that is not. It returns the names of these, and of what was
// refused and is taken now, both ordered.
func (r *record) accept(d Delivery) (unread, mended []string) {
	for _, name := range d.names() {
		res, ok := r.resources[name]
		switch {
		case !ok:
		case d.URL == resourcev3.ExtensionConfigType && res.bad != "" && res.bad == d.hash(name):
			unread = append(unread, name)
		default:
			if res.Refused != "" {
				mended = append(mended, name)
			}
			res.Accepted, res.Refused, res.bad = d.Resources[name], "", ""
		}
	}
	return unread, mended
}

// Nacked records that the gateway refused the response with that nonce and why. A nonce that no
// answer is due for is passed by. It returns the response that was answered and the refusal, or nil.
func (st *Stream) Nacked(url, nonce, message string) (Delivery, *Refusal) {
	s := st.store
	s.mu.Lock()
	d, ok := st.record(url).answer(nonce)
	s.mu.Unlock()
	if !ok {
		return Delivery{}, nil
	}
	// The message is searched for every name with no lock held: streams wait for it.
	suspects := named(message, d.names())
	refusal := &Refusal{Version: d.Version, At: s.clock(), Message: cut(message), Resources: suspects[:min(len(suspects), maxListed)]}
	// Where the message names nothing, any resource of the response may be the one.
	certain := len(suspects) > 0
	if !certain {
		suspects = d.names()
	}
	refusal.Origins = originsOf(refusal.Message, suspects, d.Trace)
	s.mu.Lock()
	r := st.record(url)
	refusal.Again = r.repeats(d, suspects, func(version string) uint64 { return maphash.Comparable(s.seed, [2]string{version, refusal.Message}) })
	r.refusal, r.refused = refusal, true
	for _, name := range suspects {
		if res, ok := r.resources[name]; ok && certain {
			res.bad = d.hash(name)
		}
	}
	s.mu.Unlock()
	s.metrics.refused.WithLabelValues(nameOf(url)).Inc()
	st.tell(ResponseRefused, d, refusal.clone())
	return d, refusal.clone()
}

// repeats notes why resources are refused, and reports whether the same was said before of the same
// content of anything that was sent.
func (r *record) repeats(d Delivery, refused []string, reason func(version string) uint64) bool {
	again := false
	for name, version := range d.Resources {
		res, ok := r.resources[name]
		again = again || ok && res.Refused != "" && res.reason == reason(version)
	}
	for _, name := range refused {
		if res, ok := r.resources[name]; ok {
			res.Refused, res.reason = d.Resources[name], reason(d.Resources[name])
		}
	}
	return again
}

// Unsubscribed records what a client asks for no longer: it is told of no more, also where an answer to a
// response with it is still due. Where nothing else is refused the type is not either: no answer
// would ever say so.
func (st *Stream) Unsubscribed(url string, names []string) {
	st.store.mu.Lock()
	defer st.store.mu.Unlock()
	r, gone := st.record(url), false
	for _, name := range names {
		res, ok := r.resources[name]
		gone = gone || ok && res.Refused != ""
		delete(r.resources, name)
	}
	if gone {
		r.refused = false
	}
}

// maxKnown bounds the resources of one type that are kept because a client said that it has
// them. It can be told nothing of more than it may ask for.
const maxKnown = 40_000

// Has records what a delta client said on connecting that it has, as far as it is bounded.
func (st *Stream) Has(url string, versions map[string]string) {
	st.store.mu.Lock()
	defer st.store.mu.Unlock()
	r := st.record(url)
	for name, version := range versions {
		if _, known := r.resources[name]; !known && len(r.resources) >= maxKnown {
			continue
		}
		r.resource(name).Accepted = version
	}
}

// Current records that the gateway was found to have this version of a type without being sent
// anything. It does nothing once a response of the type was sent: answers tell more then.
func (st *Stream) Current(url, version string) {
	st.store.mu.Lock()
	defer st.store.mu.Unlock()
	if r := st.record(url); r.sent == (Response{}) {
		r.accepted = version
	}
}

// Close ends the record; the store forgets the stream.
func (st *Stream) Close() {
	st.store.mu.Lock()
	_, open := st.store.streams[st]
	delete(st.store.streams, st)
	st.store.mu.Unlock()
	if open {
		st.store.metrics.connected.WithLabelValues(string(st.peer.Protocol)).Dec()
		st.store.observe(Event{Kind: Disconnected, Peer: st.peer})
	}
}

func (st *Stream) tell(kind Kind, d Delivery, refusal *Refusal) {
	st.store.observe(Event{
		Kind: kind, Peer: st.peer, URL: d.URL, Name: nameOf(d.URL),
		Version: d.Version, Resources: d.names(), Mended: d.Mended, Refusal: refusal,
	})
}

func (st *Stream) record(url string) *record {
	if st.types[url] == nil {
		st.types[url] = &record{resources: map[string]*tracked{}}
	}
	return st.types[url]
}

func (r *record) resource(name string) *tracked {
	if r.resources[name] == nil {
		r.resources[name] = &tracked{Resource: Resource{Name: name}}
	}
	return r.resources[name]
}

// answer takes the response with that nonce off the list of those that wait.
func (r *record) answer(nonce string) (Delivery, bool) {
	i := slices.IndexFunc(r.due, func(d Delivery) bool { return d.Nonce == nonce })
	if i < 0 {
		return Delivery{}, false
	}
	d := r.due[i]
	if r.due = slices.Delete(r.due, i, i+1); len(r.due) == 0 {
		r.due = nil // thousands of streams wait for nothing
	}
	return d, true
}

// gateway copies the record; store.mu is held.
func (st *Stream) gateway() Gateway {
	g := Gateway{Peer: st.peer, Since: st.since, Types: []Type{}}
	for _, t := range snapshot.Types() {
		if r, ok := st.types[t.URL]; ok {
			g.Types = append(g.Types, r.value(t))
		}
	}
	return g
}

func (r *record) value(t snapshot.Type) Type {
	return Type{
		URL: t.URL, Name: t.Short, State: stateOf(len(r.due), r.stands()), Sent: r.sent, Accepted: r.accepted, Refusal: r.refusal.clone(),
		Count: len(r.resources), Resources: listed(r.resources),
	}
}

func (r *Refusal) clone() *Refusal {
	if r == nil {
		return nil
	}
	c := *r
	c.Resources, c.Origins = slices.Clone(r.Resources), slices.Clone(r.Origins)
	return &c
}

// nameOf returns the short name of a type, for people and metric labels.
func nameOf(url string) string {
	if t, ok := snapshot.TypeOf(url); ok {
		return t.Short
	}
	return "other"
}
