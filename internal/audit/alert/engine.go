package alert

import (
	"context"
	"crypto/rand"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-multierror"

	"github.com/portreeve/portreeve/internal/audit"
	"github.com/portreeve/portreeve/translate/model"
)

// Engine tells webhooks of the events that the alerts in force are about. It is an audit.Sink, to be given to the recorder
// beside the others. It is safe for concurrent use.
type Engine struct {
	options Options
	metrics *metrics
	backlog backlog
	wanted  wanted
	closing chan struct{}
	done    chan struct{}
	stop    sync.Once

	// mu guards what follows.
	mu      sync.Mutex
	watches map[string]*watch
	// groups and held count what maxGroups and maxHeld bound.
	groups, held int
	// run and number name messages.
	run    string
	number uint64
	// failing are the alerts whose last message could not be handed on.
	failing map[string]bool
}

// New starts an engine, without alerts. Close ends it.
func New(o Options) (*Engine, error) {
	e := &Engine{
		options: o, metrics: newMetrics(), backlog: backlog{wake: make(chan struct{}, 1)}, closing: make(chan struct{}), done: make(chan struct{}),
		watches: map[string]*watch{}, run: rand.Text(), failing: map[string]bool{},
	}
	if o.Registerer != nil {
		if err := e.metrics.register(o.Registerer); err != nil {
			return nil, err
		}
	}
	go e.work()
	return e, nil
}

// Name implements audit.Sink.
func (e *Engine) Name() string { return "alerts" }

// Take implements audit.Sink. It does not wait, and never fails: nothing is kept by alerts.
func (e *Engine) Take(_ context.Context, lines []audit.Line) error {
	e.backlog.put(lines)
	return nil
}

// SetAlerts brings alerts into force in place of those before, for all that is taken from now on. What was in force and is
// not any more still counts for a moment, so that the edit that took it away is told of, and what it had to tell is told. It
// does not wait.
func (e *Engine) SetAlerts(alerts []model.AuditAlert) {
	e.wanted.put(change{alerts[:min(len(alerts), model.MaxAlerts)], e.options.Now()})
	e.backlog.rouse()
}

// enforce makes a change of alerts. mu is held.
func (e *Engine) enforce(c change) {
	next := map[string]*model.AuditAlert{}
	for i := range c.alerts {
		a := c.alerts[i]
		// An alert that tells another webhook is another: that it went from the one is told there.
		name := a.Key.Namespace + "/" + a.Key.Name
		key := name + " " + a.Webhook
		next[key] = &a
		if e.watches[key] == nil {
			e.watches[key] = &watch{key: key, name: name, since: c.at, groups: map[groupKey]*group{}}
		}
	}
	for name, w := range e.watches {
		a := next[name]
		if a == nil && w.current == nil || a != nil && w.current != nil && a.Same(w.current) {
			continue
		}
		w.replace(a, c.at)
	}
	e.forget()
	e.metrics.inForce.Set(float64(len(next)))
}

// forget lets go of those that are in force no more where edits leave too many: first of what came last, so that edits push
// out what they brought, and not the alert that would tell of them.
func (e *Engine) forget() {
	for len(e.watches) > 2*model.MaxAlerts {
		var last string
		for name, w := range e.watches {
			if w.current == nil && (last == "" || w.since.After(e.watches[last].since)) {
				last = name
			}
		}
		w := e.watches[last]
		e.groups -= len(w.groups)
		e.held -= w.drop()
		delete(e.watches, last)
	}
}

// work looks at what is taken, and tells what is due, until Close.
func (e *Engine) work() {
	defer close(e.done)
	for {
		timer := time.NewTimer(e.advance())
		select {
		case <-e.closing:
			timer.Stop()
			return
		case <-e.backlog.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// atMost and idle are how long the engine rests where something is due, since the clock may be set, and where nothing is.
const (
	atMost = time.Second
	idle   = time.Minute
)

// advance does what is due, and returns for how long nothing else is.
func (e *Engine) advance() time.Duration {
	e.mu.Lock()
	now := e.options.Now()
	e.look(now)
	messages := e.due(now)
	e.mu.Unlock()
	e.send(messages)
	e.mu.Lock()
	defer e.mu.Unlock()
	next, some := e.next()
	switch {
	case e.backlog.some():
		return 0
	case !some:
		return idle
	}
	return min(max(next.Sub(e.options.Now()), 0), atMost)
}

// look takes the lines that wait to the alerts that are about them. mu is held.
func (e *Engine) look(now time.Time) {
	lines, missed := e.backlog.take()
	for _, c := range e.wanted.take() { // after the lines: what was set before one of them counts for it
		e.enforce(c)
	}
	for _, name := range slices.Sorted(maps.Keys(e.watches)) {
		w := e.watches[name]
		for _, line := range lines {
			if s, a := w.see(line.Event); a != nil {
				e.count(w, a, line, s, now)
			}
		}
		if missed > 0 && w.current != nil {
			w.hold(batch{missed: missed}, now.Add(w.current.GroupWait))
		}
	}
	e.miss(missed)
}

// miss counts events that nobody looks at.
func (e *Engine) miss(events uint64) {
	if events > 0 {
		e.metrics.missed.Add(float64(events))
		e.options.Logger.Error("events came too fast for alerts: they are in the record and were not looked at", "events", events)
	}
}

// count puts an event to its group. mu is held.
func (e *Engine) count(w *watch, a *model.AuditAlert, line audit.Line, s seen, now time.Time) {
	labels, key := common(a, s)
	g := w.groups[key]
	to := &w.held
	switch {
	case g == nil && (e.groups >= maxGroups || len(w.groups) >= maxOwnGroups):
		w.hold(batch{}, now.Add(a.GroupWait)) // what cannot be told apart is told together
	case g == nil:
		g = &group{labels: labels, due: now.Add(a.GroupWait)}
		w.groups[key] = g
		e.groups++
		to = &g.batch
	default:
		if g.count == 0 {
			g.due = g.next
		}
		to = &g.batch
	}
	to.add(s.Time)
	if len(to.named) < maxNamed && e.held < maxHeld {
		to.named = append(to.named, tellOf(line, s))
		e.held++
	}
}

// next returns when something is due next. mu is held.
func (e *Engine) next() (at time.Time, some bool) {
	sooner := func(t time.Time) {
		if !some || t.Before(at) {
			at, some = t, true
		}
	}
	for _, w := range e.watches {
		if !w.held.empty() {
			sooner(w.heldDue)
		}
		if w.current == nil && len(w.groups) == 0 && w.held.empty() {
			sooner(w.until)
		}
		for _, g := range w.groups {
			if g.count > 0 {
				sooner(g.due)
			} else {
				sooner(g.next)
			}
		}
	}
	return at, some
}

// endWithin is how long the lines that wait at the end are looked at.
const endWithin = 2 * time.Second

// Close ends the engine. All that it has to tell is told first, together for each alert, whatever the rate is: it is lost
// otherwise. What it has not looked at within 2 s is counted as missed. To be called when the recorder has ended, and before the webhooks are closed.
func (e *Engine) Close() error {
	e.stop.Do(func() { close(e.closing) })
	<-e.done
	e.mu.Lock()
	for end := time.Now().Add(endWithin); e.backlog.some() && time.Now().Before(end); {
		e.look(e.options.Now())
	}
	e.miss(uint64(e.backlog.rest()))
	messages := e.rest()
	e.mu.Unlock()
	var errs *multierror.Error
	for _, m := range messages {
		errs = multierror.Append(errs, e.options.Sender.Send(m.webhook, m.event))
	}
	return errs.ErrorOrNil()
}

// log says once that an alert cannot be told, and that it can again. mu is held.
func (e *Engine) log(m message, err error) {
	switch {
	case err != nil && !e.failing[m.watch.name]:
		e.options.Logger.Error("an alert cannot be handed to its webhook, it is tried again", "alert", m.watch.name, "webhook", m.webhook, "error", err)
	case err == nil && e.failing[m.watch.name]:
		e.options.Logger.Log(context.Background(), slog.LevelInfo, "an alert is handed to its webhook again", "alert", m.watch.name, "webhook", m.webhook)
	}
	if err == nil {
		delete(e.failing, m.watch.name)
	} else {
		e.failing[m.watch.name] = true
	}
}
