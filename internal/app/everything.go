package app

import (
	"context"

	"github.com/portreeve/portreeve/internal/input"
)

// everything reads every file again, whether or not an event told of it, and has the keys of
// every source fetched. What is broken, or does not answer, stays as it was.
func (a *App) everything(ctx context.Context) {
	a.options.Logger.Info("asked to, everything is read again and all keys are fetched")
	a.keys.Refetch()
	a.reload(ctx, input.Change{})
}
