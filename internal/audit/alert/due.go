package alert

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// hold puts events to what is told once there is room, which is tried at a time.
func (w *watch) hold(b batch, due time.Time) (unnamed int) {
	if w.held.empty() || due.Before(w.heldDue) {
		w.heldDue = due
	}
	return w.held.join(b)
}

// due returns the messages that are due, and takes them off. mu is held.
func (e *Engine) due(now time.Time) []message {
	var out []message
	for _, name := range slices.Sorted(maps.Keys(e.watches)) {
		w := e.watches[name]
		w.rewind(now)
		out = append(out, e.dueOf(w, now)...)
		if w.gone(now) && !e.backlog.some() { // what waits may be about it
			delete(e.watches, name)
			delete(e.failing, w.name)
		}
	}
	e.metrics.groups.Set(float64(e.groups))
	return out
}

func (e *Engine) dueOf(w *watch, now time.Time) []message {
	var out []message
	if m, ok := e.heldMessage(w, now); ok {
		out = append(out, m)
	}
	for key, g := range w.inOrder() {
		switch room, free := w.room(now); {
		case g.count == 0 && !g.next.After(now):
			delete(w.groups, key)
			e.groups--
		case g.count == 0 || g.due.After(now):
		case !room:
			g.heldBack++
			e.held -= w.hold(g.batch, free)
			e.metrics.heldBack.Inc()
			g.batch, g.next = batch{}, now.Add(w.told().GroupInterval)
		default:
			out = append(out, e.message(w, g.labels, g.batch, now))
			g.batch, g.next = batch{}, now.Add(w.told().GroupInterval)
		}
	}
	return out
}

// heldMessage returns what was held back, once there is room.
func (e *Engine) heldMessage(w *watch, now time.Time) (message, bool) {
	if w.held.empty() || w.heldDue.After(now) {
		return message{}, false
	}
	room, free := w.room(now)
	if !room {
		w.heldDue = free
		return message{}, false
	}
	m := e.message(w, nil, w.held, now)
	w.held = batch{}
	return m, true
}

// inOrder yields the groups, those first that are due first.
func (w *watch) inOrder() func(yield func(groupKey, *group) bool) {
	keys := slices.SortedFunc(maps.Keys(w.groups), func(a, b groupKey) int {
		return cmp.Or(w.groups[a].due.Compare(w.groups[b].due), slices.Compare(a[:], b[:]))
	})
	return func(yield func(groupKey, *group) bool) {
		for _, key := range keys {
			if !yield(key, w.groups[key]) {
				return
			}
		}
	}
}

// rest returns all that there is to tell, in one message for each alert. mu is held.
func (e *Engine) rest() []message {
	var out []message
	now := e.options.Now()
	for _, name := range slices.Sorted(maps.Keys(e.watches)) {
		w := e.watches[name]
		for _, g := range w.inOrder() {
			e.held -= w.hold(g.batch, now)
		}
		if !w.held.empty() {
			out = append(out, e.message(w, nil, w.held, now))
		}
	}
	clear(e.watches)
	e.groups = 0
	return out
}

// send hands messages on. What cannot be is held, and does not count against the rate.
func (e *Engine) send(messages []message) {
	for _, m := range messages {
		err := e.options.Sender.Send(m.webhook, m.event)
		e.mu.Lock()
		e.log(m, err)
		if err == nil {
			e.metrics.messages.Inc()
			e.held -= len(m.batch.named)
		} else {
			e.metrics.failures.Inc()
			if i := slices.Index(m.watch.sent, m.at); i >= 0 {
				m.watch.sent = slices.Delete(m.watch.sent, i, i+1)
			}
			e.held -= e.kept(m.watch).hold(m.batch, m.at.Add(again))
		}
		e.mu.Unlock()
	}
}

// kept returns the watch itself, or the one that has taken its place; one that was forgotten is found again. mu is held.
func (e *Engine) kept(w *watch) *watch {
	if e.watches[w.key] == nil {
		e.watches[w.key] = w
	}
	return e.watches[w.key]
}

// message makes one, and counts it against the rate.
func (e *Engine) message(w *watch, labels map[string]string, b batch, now time.Time) message {
	w.sent = append(w.sent, now)
	e.number++
	m := message{watch: w, webhook: w.told().Webhook, batch: b, at: now}
	m.event = e.encode(m, labels)
	return m
}
