package role

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/portreeve/portreeve/xds/reread"
)

// Run reads the files again and again, and fetches the keys of the issuer, until ctx ends. Neither holds up a caller.
func (g *Guard) Run(ctx context.Context) error {
	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() error { g.follow(ctx); return nil })
	both.Go(func() error { g.fetch(ctx); return nil })
	return both.Wait()
}

func (g *Guard) follow(ctx context.Context) {
	tick := time.NewTicker(g.options.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, w := range g.watched {
			g.report(w, w.Look(g.options.Read))
		}
	}
}

// report tells of files that were looked at.
func (g *Guard) report(w *watched, l reread.Look) {
	if l.News {
		change := Change{Files: w.Names, Err: l.Err}
		w.shows(&change)
		g.options.Changed(change)
	}
	switch {
	case l.Err != nil:
		g.metrics.files.Inc()
		if l.News {
			g.options.Logger.Error("cannot take what the files of the admin interface hold: what they held before stays in force", "error", l.Err,
				"hint", "put files in their place that are right; they are read again as soon as they change")
		}
	case l.News:
		g.options.Logger.Info("files of the admin interface have changed, and what they hold is in force")
	}
}

// fetch keeps the keys of the issuer fresh. Failures are tried again soon, and said once.
func (g *Guard) fetch(ctx context.Context) {
	retry, failing := firstRetry, false
	for {
		wait, stale := time.Hour, (chan struct{})(nil)
		if p := g.roles.Load().oidc; p != nil {
			err := p.fetchWith(ctx, g.options)
			switch {
			case ctx.Err() != nil:
				return
			case err != nil:
				g.metrics.issuer.Inc()
				if !failing {
					g.options.Logger.Error("cannot fetch the keys of the issuer of tokens for the admin interface: those of before stay", "error", cut(err.Error()))
				}
				wait, retry, failing = retry, min(2*retry, lastRetry), true
			default:
				if failing {
					g.options.Logger.Info("the keys of the issuer of tokens for the admin interface are fetched again")
				}
				wait, retry, failing, stale = freshTime, firstRetry, false, p.stale
			}
		}
		if !g.rest(ctx, wait, stale) {
			return
		}
	}
}

// rest waits until keys are to be fetched, and reports false at the end.
func (g *Guard) rest(ctx context.Context, wait time.Duration, stale <-chan struct{}) bool {
	due, soon := time.NewTimer(wait), time.NewTimer(min(wait, betweenStale))
	defer due.Stop()
	defer soon.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-g.changed:
		return true
	case <-due.C:
		return true
	case <-soon.C:
	}
	select {
	case <-ctx.Done():
		return false
	case <-g.changed:
	case <-due.C:
	case <-stale:
	}
	return true
}

// fetchWith fetches with the authorities that the file names now.
func (p *provider) fetchWith(ctx context.Context, o Options) (err error) {
	var authorities []byte
	if o.Files.Issuer != "" {
		if authorities, err = o.Read(o.Files.Issuer); err != nil {
			return err
		}
	}
	return p.fetch(ctx, authorities)
}

// cut bounds what an issuer can have the log say.
func cut(text string) string {
	const most = 300
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}
