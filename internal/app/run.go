package app

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/portreeve/portreeve/internal/input"
)

// leave is how long Run waits, after ctx has ended, for what it started. A call on a disk that
// does not come back must not keep the process, nor the record from telling of its end.
const leave = 3 * time.Second

// Run serves until ctx ends, then closes every stream and returns nil, within five seconds. The
// admin interface answers from the beginning; the policy is read once, for a bounded time, before
// the first gateway is answered.
func (a *App) Run(ctx context.Context) (err error) {
	defer a.closeState()
	defer func() { a.closeRecord(context.Cause(ctx), err) }()
	a.warnOfAccess()
	a.warnOfAdmin()
	g, running := errgroup.WithContext(ctx)
	read := make(chan struct{})
	g.Go(func() error { return a.serveAdmin(running) })
	g.Go(func() error { return a.watcher.Run(running) })
	g.Go(func() error { a.record.gateways.Run(running); return nil })
	g.Go(func() error { return a.recording(running) })
	g.Go(func() error { return a.keys.Run(running) })
	if a.admin.guard != nil {
		g.Go(func() error { return a.admin.guard.Run(running) })
	}
	if a.access.tls != nil {
		g.Go(func() error { return a.access.tls.Run(running) })
	}
	g.Go(func() error { return a.follow(running, read) })
	g.Go(func() error { return a.serveGateways(running, read) })
	ended := make(chan error, 1)
	go func() { ended <- g.Wait() }()
	select {
	case err := <-ended:
		return withoutCancel(err)
	case <-running.Done():
	}
	select {
	case err := <-ended:
		return withoutCancel(err)
	case <-time.After(leave):
		a.options.Logger.Warn("leaving although not everything has ended", "stuck", a.disk.Stuck())
		return withoutCancel(context.Cause(running))
	}
}

func withoutCancel(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// serveGateways serves once the policy has been read.
func (a *App) serveGateways(ctx context.Context, read <-chan struct{}) error {
	select {
	case <-read:
	case <-ctx.Done():
		return a.access.listener.Close()
	}
	a.options.Logger.Info("serving", "xds", a.XDSAddress(), "transport", string(a.access.transport), "admin", a.AdminAddress())
	return a.xds.Serve(ctx, a.access.listener, a.reloader)
}

// awaitQuiet waits, for a bounded time, until nobody writes to the files, so that a start in
// the midst of a copy makes one generation. What is still in motion then is not read either:
// the reloader refuses the policy until it rests.
func (a *App) awaitQuiet(ctx context.Context) {
	tick, end := time.NewTicker(quiet/5), time.NewTimer(most)
	defer tick.Stop()
	defer end.Stop()
	for a.files.Unsettled() {
		select {
		case <-tick.C:
		case <-end.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// follow reads once, says so, and reloads at every change, and once more where a file was still
// being written or could not be read.
func (a *App) follow(ctx context.Context, read chan<- struct{}) error {
	a.awaitQuiet(ctx)
	a.reload(ctx, input.Change{})
	close(read)
	again := time.NewTimer(time.Hour)
	defer again.Stop()
	expiring := time.NewTicker(time.Hour)
	defer expiring.Stop()
	for {
		due := a.reloader.Again()
		if due.After > 0 {
			again.Reset(due.After)
		}
		select {
		case <-ctx.Done():
			return nil
		case change := <-a.watcher.Changes():
			a.reload(ctx, input.Change{Unsettled: change.Unsettled, Settled: change.Settled, Complete: change.Complete, At: change.At, Since: change.Since})
		case <-again.C:
			a.reload(ctx, input.Change{Retry: due.Paths})
		case <-a.options.Reload:
			a.everything(ctx)
		case <-expiring.C:
			a.certificates.Warn()
		case <-a.keys.Changes():
			a.publishing(a.reloader.RotateKeys(ctx))
		}
	}
}

func (a *App) reload(ctx context.Context, change input.Change) {
	a.publishing(a.reloader.Reload(ctx, change))
	a.certificates.Warn()
}

// publishing logs a failure to publish. It is no reason to stop serving what is served.
func (a *App) publishing(err error) {
	if err != nil {
		a.options.Logger.Error("cannot publish policy", "error", err)
	}
}
