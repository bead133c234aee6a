package jwks

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/portreeve/portreeve/translate/model"
)

// idle is how long the scheduler rests at most; it wakes to forget old keys.
const idle = time.Hour

// attempt is one try to fetch the keys of a source.
type attempt struct {
	model.KeySource
	// number tells the source's attempts apart: the result of one that was superseded is dropped.
	number int
	// pass is the round of the scheduler that started it.
	pass    uint64
	timeout time.Duration
}

// result is what became of an attempt.
type result struct {
	// uri is the address of the keys, where it is known.
	uri string
	// issuer is how the discovery document spells the issuer, where there is one.
	issuer string
	keys   keySet
	// next is when the issuer wants to be asked again.
	next time.Time
	err  error
}

func (f *Fetcher) run(ctx context.Context) {
	var tasks sync.WaitGroup
	if f.store != nil {
		tasks.Go(func() { f.keep(ctx) })
	}
	timer := time.NewTimer(idle)
	defer timer.Stop()
	for {
		timer.Reset(f.start(ctx, &tasks))
		select {
		case <-ctx.Done():
			f.end(&tasks)
			return
		case <-f.wake:
		case <-timer.C:
		}
	}
}

// end waits until nothing runs any more, and what the last attempts brought is on disk. It does
// not wait for a disk that hangs.
func (f *Fetcher) end(tasks *sync.WaitGroup) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tasks.Wait()
		f.save()
	}()
	timer := time.NewTimer(lastWrite)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
		f.options.Logger.Error("keys are not kept in time, the end does not wait for the disk")
	}
}

// start begins an attempt for each source that is due and returns how long until the next is.
func (f *Fetcher) start(ctx context.Context, tasks *sync.WaitGroup) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	now, wait := f.options.Now(), idle
	f.pass++
	f.evict(now)
	for key, s := range f.sources {
		switch {
		case s.awaited.IsZero():
		case s.awaited.After(now):
			wait = min(wait, s.awaited.Sub(now))
		default:
			s.awaited = time.Time{} // whatever keeps it, nobody waits longer
		}
		switch {
		case !s.wanted || s.cancel != nil:
		case s.next.After(now):
			wait = min(wait, s.next.Sub(now))
		default:
			ctx, cancel := context.WithCancel(ctx)
			s.attempt++
			s.cancel = cancel
			a := attempt{key, s.attempt, f.pass, s.timeout}
			tasks.Go(func() {
				defer cancel()
				f.try(ctx, a)
			})
		}
	}
	f.publish()
	return wait
}

// try makes an attempt and tells what came of it.
func (f *Fetcher) try(ctx context.Context, a attempt) {
	r := f.fetch(ctx, a)
	if ctx.Err() != nil {
		return // superseded, or the end: whatever it was, it says nothing of the issuer
	}
	event := f.finish(a, r)
	event.log(f.options.Logger)
	for _, c := range event.changes {
		f.options.Changed(c)
	}
}

// finish takes over what came of an attempt, unless it was superseded.
func (f *Fetcher) finish(a attempt, r result) event {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.sources[a.KeySource]
	if s == nil || !s.wanted || s.attempt != a.number {
		return event{}
	}
	defer notify(f.wake)
	s.cancel = nil
	defer f.publish()
	if s.again {
		s.again = false
		defer s.refetch(f.options.Now())
	}
	if r.err != nil {
		return s.fail(r, f.options)
	}
	f.mark(a.KeySource)
	return s.succeed(r)
}

// keep writes what changes to the state directory, and again where that failed. It is the
// only writer while it runs.
func (f *Fetcher) keep(ctx context.Context) {
	again := time.NewTimer(idle)
	defer again.Stop()
	for failures := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-f.unsaved:
		case <-again.C:
		}
		if f.save() {
			failures = 0
			continue
		}
		again.Reset(backoff(failures, f.options.FirstBackoff, f.options.MaxBackoff))
		failures++
	}
}

// save brings the state directory up to date. A failure is logged once. It reports whether
// all is written; what is not is still to be written.
func (f *Fetcher) save() bool {
	if f.store == nil {
		return true
	}
	var failed error
	for key, entry := range f.unsavedEntries() {
		if err := f.store.put(key, entry); err != nil {
			failed = err
			f.remain(key)
		}
	}
	f.store.report(failed)
	return failed == nil
}

// remain keeps a source among those to be written.
func (f *Fetcher) remain(key model.KeySource) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dirty[key] = true
}

// unsavedEntries takes what is to be written; nil is to be removed.
func (f *Fetcher) unsavedEntries() map[model.KeySource]*saved {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := map[model.KeySource]*saved{}
	for key := range f.dirty {
		out[key] = nil
		if s := f.sources[key]; s != nil && s.keys.known() {
			out[key] = &saved{Source: key, Keys: s.keys, UnwantedSince: s.unwantedSince}
		}
	}
	clear(f.dirty)
	return out
}

// slot waits for one of the places of fetches at one time.
func (f *Fetcher) slot(ctx context.Context) (release func(), err error) {
	select {
	case f.slots <- struct{}{}:
		return func() { <-f.slots }, nil
	case <-ctx.Done():
		return nil, errors.New("the fetch was given up")
	}
}
