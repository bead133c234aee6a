package app

import (
	"github.com/portreeve/portreeve/internal/state"
	"github.com/portreeve/portreeve/translate/source"
)

// openState opens the state directory, where there is one, and returns where keys are kept: not
// at all where the disk does not answer, since nothing may wait for it.
func (a *App) openState() (keysDir string, err error) {
	if a.options.StateDir == "" {
		return "", nil
	}
	a.state, err = state.Open(state.Options{Dir: a.options.StateDir, MaxContent: maxContent(a.options.Limits), Logger: a.options.Logger, Registerer: a.registry, Now: a.now})
	switch {
	case err != nil:
		return "", err
	case !a.state.Answered():
		a.options.Logger.Warn("fetched keys are not kept before the next start")
		return "", nil
	default:
		return a.options.StateDir, nil
	}
}

// closeState keeps what there is to keep, and gives the state directory to the next process.
func (a *App) closeState() {
	a.reloader.Close()
	if a.state == nil {
		return
	}
	if err := a.state.Close(); err != nil {
		a.options.Logger.Warn("the state directory is not given free before the process ends", "error", err)
	}
}

// maxContent is how much of files the state directory may hold: whatever may be read must have
// room there, or a gateway would find none of its last good policy after a restart.
func maxContent(limits source.Limits) int64 {
	const readings = 8 // that share nothing
	return readings * limits.Completed().Bytes
}
