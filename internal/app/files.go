package app

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/portreeve/portreeve/internal/ignore"
	"github.com/portreeve/portreeve/internal/input"
	"github.com/portreeve/portreeve/internal/watch"
	"github.com/portreeve/portreeve/translate/source"
)

// readFiles makes what reads the files. It is used once they are watched.
func (a *App) readFiles() *input.Reader {
	o := a.options
	return input.New(input.Options{
		Dirs: o.Dirs, SecretsDirs: o.Settings.SecretsDirs, Files: o.Settings.Files(), AllowEmpty: o.AllowEmpty, Exclude: o.Exclude, Limits: o.Limits,
		Quiet: quiet, RemoteQuiet: remoteQuiet, Disk: a.disk, Logger: o.Logger, Now: a.now,
		Writing: func() []string { return a.watcher.Writing() }, Blind: func() bool { return a.watcher.Blind() },
	})
}

// watchFiles starts watching the files. A directory that is not there is mostly a slip of the command
// line, and an error; one from which an earlier process has served something is lost instead.
func (a *App) watchFiles() (err error) {
	o := a.options
	single := o.Settings.Files()
	for _, dir := range o.Dirs {
		single = append(single, filepath.Join(dir, ignore.File))
	}
	a.watcher, err = watch.New(watch.Options{
		Dirs: slices.Concat(o.Dirs, o.Settings.SecretsDirs), Files: single, MayMiss: a.reloader.HadFilesIn, Relevant: relevant,
		Quiet: quiet, Max: most, Rescan: rescan, RemoteQuiet: remoteQuiet, Disk: a.disk, Logger: o.Logger,
	})
	if err != nil {
		return fmt.Errorf("watch: %w", err)
	}
	return nil
}

// relevant reports a file that counts, of policy or of a secret. One that counts in the other
// kind of directory only is read in vain.
func relevant(name string) bool { return source.Relevant(name) || source.SecretFile(name) }
