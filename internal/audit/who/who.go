// Package who says, as far as it can be known, who changed a file: the commit and its author of the directory's git,
// and the file's owner.
//
// What it reads may be written by anybody who may write policy, and may lie on a disk that hangs. So nothing of a git is
// executed, its configuration is not even read, all that is read has a bound, and nobody waits longer than the timeout.
package who

import (
	"context"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/portreeve/portreeve/internal/audit"
	"github.com/portreeve/portreeve/internal/disk"
)

const (
	// maxFiles bounds the files that are looked at one by one, and maxDirs the directories that stand for the others.
	maxFiles = 100
	maxDirs  = 20
	// maxKnown bounds the repositories of which is known what they had checked out, and the names of users.
	maxKnown = 1024
)

// Options say how it is asked. Zero stands for the default.
type Options struct {
	// Timeout bounds how long Of takes. 1 s by default.
	Timeout time.Duration
	// Now is the clock that the times of files are held against. time.Now by default.
	Now func() time.Time
}

// File is one that changed.
type File struct {
	Path string
	// Content is what was read of it. It is not looked at where the file is gone.
	Content []byte
	// Gone says that there is no such file any more.
	Gone bool
}

// Who knows what each repository had checked out when it was asked last. It is safe for concurrent use.
type Who struct {
	options Options
	disk    *disk.Disk
	mu      sync.Mutex
	// heads are what each repository had checked out, by its directory; users are names by number.
	heads map[string]plumbing.Hash
	users map[uint64]string
}

// New returns a Who that knows nothing yet.
func New(o Options) *Who {
	if o.Timeout <= 0 {
		o.Timeout = time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	// There are two steps that may hang: finding out where files are, and reading their git.
	return &Who{options: o, disk: disk.New(disk.Options{Timeout: o.Timeout / 2}), heads: map[string]plumbing.Hash{}, users: map[uint64]string{}}
}

// Of returns who changed files, in their order; more than one for a file where several commits did since the last time.
// What cannot be known in time is left out, a file of which nothing is known too. Of more than 100 files the others are told
// by their directories.
func (w *Who) Of(ctx context.Context, files []File) []audit.Actor {
	ctx, cancel := context.WithTimeout(ctx, w.options.Timeout)
	defer cancel()
	places := w.places(ctx, bounded(files))
	byGit := map[string][]*place{}
	for _, p := range places {
		if p.git.dir != "" {
			byGit[p.git.dir] = append(byGit[p.git.dir], p)
		}
	}
	var wait sync.WaitGroup
	for _, of := range byGit {
		wait.Go(func() { w.attribute(ctx, of) })
	}
	wait.Wait()
	var out []audit.Actor
	for _, p := range places {
		out = append(out, p.actors()...)
	}
	return out
}

// bounded returns as many files as are looked at, and the directories of the others.
func bounded(files []File) []*place {
	var out []*place
	for _, f := range files[:min(len(files), maxFiles)] {
		out = append(out, &place{file: f})
	}
	var dirs []string
	for _, f := range files[len(out):] {
		if dir := filepath.Dir(f.Path); len(dirs) < maxDirs && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
			out = append(out, &place{file: File{Path: dir}, directory: true})
		}
	}
	return out
}

// attribute finds the commits of the files of one repository.
func (w *Who) attribute(ctx context.Context, of []*place) {
	git := of[0].git
	w.mu.Lock()
	before := w.heads[git.dir]
	w.mu.Unlock()
	var found attribution
	err := w.disk.Do(git.dir, func() (err error) {
		found, err = attributed(ctx, git, of, before, w.options)
		return err
	})
	if err != nil {
		return // where the disk does not answer, found may still be written to
	}
	for i, p := range of {
		p.commits = found.commits[i]
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.heads) >= maxKnown {
		clear(w.heads)
	}
	w.heads[git.dir] = found.head
}
