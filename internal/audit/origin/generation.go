package origin

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/portreeve/portreeve/internal/audit"
	"github.com/portreeve/portreeve/internal/audit/who"
	"github.com/portreeve/portreeve/internal/reload"
)

// The bounds of what waits for who changed files to be found out.
const (
	// askWithin is how long that may take, for one generation, and maxBehind how much may wait behind it: while there
	// is more, nobody is asked.
	askWithin = time.Second
	maxBehind = 4096
	// maxTold is how much may wait in all. What is more is lost, and counted.
	maxTold = 65_536
	// requireWithin is how long a generation waits that has to be on record.
	requireWithin = 10 * time.Second
)

// Changed says who changed files: who.Who does.
type Changed interface {
	Of(ctx context.Context, files []who.File) []audit.Actor
}

// Record takes events: audit.Recorder does. Record never waits.
type Record interface {
	Record(e audit.Event)
	Require(ctx context.Context, e audit.Event) error
}

// Generations records what is read, and what groups of gateways are served of it, in the order in which it is told. Nobody
// waits until it is known who changed the files, unless the record is required. It is safe for concurrent use.
type Generations struct {
	record   Record
	changed  Changed
	required bool

	// wake holds something when there may be something to take.
	wake chan struct{}
	mu   sync.Mutex
	told []told
	lost uint64
	// ended says that nobody takes what is told any more: it is recorded at once.
	ended bool
}

var _ reload.Recorder = (*Generations)(nil)

// told is one thing to be recorded.
type told struct {
	// events makes the events. The first of them names who changed the files.
	events func() []audit.Event
	files  []who.File
	// required is nil where nobody waits for it.
	required *required
}

// required is whoever waits until an event is kept: for answer, until ctx ends.
type required struct {
	ctx    context.Context //nolint:containedctx // of the caller who waits for the answer
	answer chan error
}

// NewGenerations returns what records what reload tells. With Require, nothing of a generation is served before it is kept.
func NewGenerations(o GenerationsOptions) *Generations {
	return &Generations{record: o.Record, changed: o.Changed, required: o.Require, wake: make(chan struct{}, 1)}
}

// GenerationsOptions say to whom generations are told.
type GenerationsOptions struct {
	Record  Record
	Changed Changed
	// Require has every generation kept by the record before anything of it is served: --audit-required.
	Require bool
}

// Read implements reload.Recorder. It waits, 10 s at most, where the record is required, and else never.
func (g *Generations) Read(ctx context.Context, read reload.GenerationRead) error {
	t := told{events: func() []audit.Event { return eventsOfRead(read) }, files: filesOf(read.Files)}
	if !g.required {
		g.put(t)
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, requireWithin)
	defer cancel()
	t.required = &required{ctx, make(chan error, 1)}
	if !g.put(t) {
		return errors.New("the record takes nothing: too much waits, or the control plane ends")
	}
	select {
	case err := <-t.required.answer:
		return err
	case <-ctx.Done():
		return fmt.Errorf("the record does not answer: %w", ctx.Err())
	}
}

// Published implements reload.Recorder. It never waits.
func (g *Generations) Published(published reload.GenerationPublished) {
	g.put(told{events: func() []audit.Event { return []audit.Event{eventOfPublished(published)} }})
}

// put has something recorded, and reports false where there is no room, or nobody who waits for it could be answered.
func (g *Generations) put(t told) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.ended && t.required != nil:
		return false
	case g.ended:
		g.keep(t.events())
		return true
	case len(g.told) >= maxTold:
		g.lost++
		return false
	}
	g.tellLost()
	g.told = append(g.told, t)
	select {
	case g.wake <- struct{}{}:
	default:
	}
	return true
}

// tellLost adds, in its place, what was lost; mu is held.
func (g *Generations) tellLost() {
	if lost := g.lost; lost > 0 {
		g.told, g.lost = append(g.told, told{events: func() []audit.Event { return []audit.Event{eventOfLost(lost)} }}), 0
	}
}

func (g *Generations) keep(events []audit.Event) {
	for _, e := range events {
		g.record.Record(e)
	}
}

// Run records what is told until ctx ends, and then at once what is left and what is still told.
func (g *Generations) Run(ctx context.Context) error {
	for {
		t, behind, ok := g.next(ctx)
		switch {
		case ok:
			g.take(ctx, t, behind)
		case ctx.Err() != nil:
			return nil
		default:
			select {
			case <-g.wake:
			case <-ctx.Done():
			}
		}
	}
}

// next returns what was told first, and how much waits behind it. Where there is nothing and ctx has ended, nobody
// takes anything any more.
func (g *Generations) next(ctx context.Context) (t told, behind int, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.told) == 0 {
		g.tellLost()
	}
	if len(g.told) == 0 {
		g.ended = ctx.Err() != nil
		return told{}, 0, false
	}
	t, g.told = g.told[0], g.told[1:]
	return t, len(g.told), true
}

// take records one thing. Who waits for it and has gone finds it not recorded, and asks again.
func (g *Generations) take(ctx context.Context, t told, behind int) {
	if t.required != nil && t.required.ctx.Err() != nil {
		return
	}
	events := t.events()
	if len(t.files) > 0 && behind <= maxBehind && ctx.Err() == nil {
		asking, cancel := context.WithTimeout(ctx, askWithin)
		events[0].Actors = g.changed.Of(asking, t.files)
		cancel()
	}
	if t.required != nil {
		err := g.record.Require(t.required.ctx, events[0])
		t.required.answer <- err
		if err != nil {
			return
		}
		events = events[1:]
	}
	g.keep(events)
}

// eventOfLost says that events were lost that waited here.
func eventOfLost(lost uint64) audit.Event {
	return audit.Event{
		Type: audit.EventsLost, Subject: audit.Queue, Outcome: audit.Failure, Details: audit.Lost{Sink: audit.Queue, Events: lost},
		Message: fmt.Sprintf("%d events of generations were not recorded: more happened than could be written", lost),
	}
}
