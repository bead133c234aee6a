package alert

import (
	"crypto/sha256"
	"slices"
	"strings"
	"time"

	"github.com/portreeve/portreeve/internal/audit"
	"github.com/portreeve/portreeve/translate/model"
)

// watch is one alert and what it has to tell.
type watch struct {
	// key is by what the engine finds it, and name what people know it by.
	key, name string
	// current is nil once the alert was removed. before is what it was, and counts until a time.
	current, before *model.AuditAlert
	until           time.Time
	// since is when it came.
	since time.Time
	// groups are by the hash of what their events have in common.
	groups map[groupKey]*group
	// held is what is told once there is room: what the rate or a bound held back, and what could not be sent.
	held    batch
	heldDue time.Time
	// sent is when the messages of the last period were sent.
	sent []time.Time
}

// groupKey is the hash of what the events of a group have in common.
type groupKey [sha256.Size]byte

// group is events of one alert that have something in common.
type group struct {
	labels map[string]string
	batch
	// due is when it is told. next is when that may be again, once it was.
	due, next time.Time
}

// told returns the alert that counts, or that did.
func (w *watch) told() *model.AuditAlert {
	if w.current != nil {
		return w.current
	}
	return w.before
}

// replace brings an alert into force, or none. What is due stays so and is told as the new one says: who reads the webhook is the
// same, and nobody hides an edit by the next one, such as one of the root namespace.
func (w *watch) replace(a *model.AuditAlert, now time.Time) {
	if w.current != nil {
		w.before, w.until = w.current, now.Add(grace)
	}
	w.current = a
}

// drop forgets what is due, and returns how many events were named.
func (w *watch) drop() int {
	dropped := len(w.held.named)
	for _, g := range w.groups {
		dropped += len(g.named)
	}
	clear(w.groups)
	w.held = batch{}
	return dropped
}

// see returns what the alert sees of an event that it is about, and by what: what it is, or was when that happened or just
// before. Of an edit of itself it tells whatever it is about.
func (w *watch) see(e audit.Event) (seen, *model.AuditAlert) {
	for _, a := range []*model.AuditAlert{w.current, w.before} {
		if a == nil || a != w.current && !e.Time.Before(w.until) {
			continue
		}
		if s, ok := see(e, a.Namespace); ok && (matches(a, s) || a != w.current && edited(a, s)) {
			return s, a
		}
	}
	return seen{}, nil
}

// edited reports whether an event is a generation that changes an alert, or may be.
func edited(a *model.AuditAlert, e seen) bool {
	return e.Type == audit.GenerationRead && (e.unlisted || slices.ContainsFunc(e.Objects, func(o audit.Object) bool {
		return o.Kind == string(a.Key.Kind) && o.Namespace == a.Key.Namespace && o.Name == a.Key.Name
	}))
}

// gone reports whether there is nothing left of the alert.
func (w *watch) gone(now time.Time) bool {
	return w.current == nil && !now.Before(w.until) && len(w.groups) == 0 && w.held.empty()
}

// room reports whether a message may be sent, and when there is room again otherwise.
func (w *watch) room(now time.Time) (bool, time.Time) {
	a := w.told()
	w.sent = slices.DeleteFunc(w.sent, func(t time.Time) bool { return !t.Add(a.Period).After(now) })
	if len(w.sent) < a.Rate {
		return true, now
	}
	return false, w.sent[len(w.sent)-a.Rate].Add(a.Period)
}

// rewind keeps what is to come within its bounds where the clock was set back.
func (w *watch) rewind(now time.Time) {
	a := w.told()
	for i := range w.sent {
		w.sent[i] = earlier(w.sent[i], now)
	}
	w.until = earlier(w.until, now.Add(grace))
	w.heldDue = earlier(w.heldDue, now.Add(max(a.Period, a.GroupWait, again)))
	for _, g := range w.groups {
		most := now.Add(max(a.GroupWait, a.GroupInterval))
		g.due, g.next = earlier(g.due, most), earlier(g.next, most)
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// common returns what an event has in common with others of its group, and the hash of that.
func common(a *model.AuditAlert, e seen) (map[string]string, groupKey) {
	labels, hash := map[string]string{}, sha256.New()
	for _, by := range a.GroupBy {
		var value string
		switch by {
		case "type":
			value = string(e.Type)
		case "outcome":
			value = string(e.Outcome)
		case "subject":
			value = e.Subject
		case "namespace":
			value = strings.Join(e.Namespaces, " ")
		case "object":
			value = objectNames(e.Objects)
		}
		labels[by] = cut(value, maxText)
		sum := sha256.Sum256([]byte(value))
		hash.Write(sum[:])
	}
	return labels, groupKey(hash.Sum(nil))
}

func objectNames(objects []audit.Object) string {
	var names []string
	for _, o := range objects {
		names = append(names, o.Kind+" "+o.Namespace+"/"+o.Name)
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}
