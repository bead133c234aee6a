package who

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/portreeve/portreeve/internal/audit"
)

const (
	// maxCommits bounds the commits that are told of a file, maxVisited those that are looked at for it.
	maxCommits = 20
	maxVisited = 200
	// A git that is at work is asked again every retryPause, retries times at most.
	retryPause = 50 * time.Millisecond
	retries    = 5
)

// attribution is what a git says of some files.
type attribution struct {
	head    plumbing.Hash
	commits [][]audit.Actor
}

// attributed says which commits the files are of. Where git is at work it is waited for: it writes files first, and says
// last what is checked out.
func attributed(ctx context.Context, g git, of []*place, before plumbing.Hash, o Options) (out attribution, err error) {
	// What is read may be hostile, and the library that reads packs has faults like any other. None may end the plane.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("read %s: %v", g.dir, r)
		}
	}()
	for try := range retries {
		var missing bool
		if out, missing, err = once(ctx, g, of, before); err == nil && !missing || try == retries-1 || !g.atWork(o.Now()) {
			return out, err
		}
		timer := time.NewTimer(retryPause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return out, err
		}
	}
	return out, err
}

// atWork reports whether git has written, or is writing, what it notes of checked out files.
func (g git) atWork(now time.Time) bool {
	if _, err := os.Lstat(filepath.Join(g.dir, "index.lock")); err == nil {
		return true
	}
	info, err := os.Lstat(filepath.Join(g.dir, "index"))
	return err == nil && now.Sub(info.ModTime()).Abs() < 2*time.Second
}

// once asks a git. Missing says that the commit which is checked out does not hold all files as they were read.
func once(ctx context.Context, g git, of []*place, before plumbing.Hash) (out attribution, missing bool, err error) {
	if out.head, err = g.head(); err != nil {
		return out, false, err
	}
	objects := newObjects(ctx, g)
	defer objects.close()
	head, err := objects.commit(out.head)
	if err != nil {
		return out, false, err
	}
	for _, p := range of {
		actors, committed, err := objects.of(p, head, before)
		if ctx.Err() != nil {
			return out, false, ctx.Err()
		}
		if err != nil { // not all of the history is there, or it is broken: the commit is all that is known
			actors = []audit.Actor{{Commit: head.hash.String()}}
		}
		missing = missing || !committed
		out.commits = append(out.commits, actors)
	}
	return out, missing, nil
}

// of returns which commits made a file what was read, and whether the one that is checked out holds that. If it does not,
// nothing is said of its author, who has not written it.
func (o *objects) of(p *place, head commit, before plumbing.Hash) ([]audit.Actor, bool, error) {
	unknown := []audit.Actor{{Commit: head.hash.String()}}
	if p.directory {
		return unknown, true, nil
	}
	now, err := o.file(head, p.inGit)
	if err != nil {
		return nil, false, err
	}
	var read plumbing.Hash
	if !p.file.Gone {
		read = plumbing.ComputeHash(plumbing.BlobObject, p.file.Content)
	}
	if now != read {
		return unknown, false, nil
	}
	since, err := o.since(head, before, p.inGit)
	switch {
	case len(since) > 0:
		return since, true, nil
	case p.file.Gone: // git never had it, or it is not known that it had
		return unknown, true, nil
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return nil, false, err
	default:
		return []audit.Actor{head.actor(true)}, true, nil
	}
}

// actor is a commit as it is told.
func (c commit) actor(holds bool) audit.Actor {
	return audit.Actor{Commit: c.hash.String(), Author: c.author, AuthorTime: c.time, Committed: holds}
}

// since returns the commits that changed a file since another one, the newest first. As git's log does, it follows the parent
// that has the same content, so that a merge is not told for what it merged.
func (o *objects) since(head commit, before plumbing.Hash, path string) ([]audit.Actor, error) {
	if before.IsZero() || before == head.hash {
		return nil, nil
	}
	start, err := o.commit(before)
	if err != nil {
		return nil, err
	}
	old, err := o.file(start, path)
	if err != nil {
		return nil, err
	}
	var out []audit.Actor
	at := head
	for range maxVisited {
		now, err := o.file(at, path)
		if err != nil || now == old || at.hash == before || len(out) >= maxCommits {
			return out, err
		}
		next, changed, err := o.follow(at, now, path)
		if err != nil {
			return out, err
		}
		if changed {
			out = append(out, at.actor(len(out) == 0))
		}
		if next.hash.IsZero() {
			return out, nil
		}
		at = next
	}
	return out, nil
}

// follow returns the parent of a commit by which a file is followed, zero where there is none, and whether the commit changed it.
func (o *objects) follow(c commit, now plumbing.Hash, path string) (next commit, changed bool, err error) {
	for i, h := range c.parents {
		parent, err := o.commit(h)
		if err != nil {
			return commit{}, false, err
		}
		was, err := o.file(parent, path)
		if err != nil {
			return commit{}, false, err
		}
		if was == now {
			return parent, false, nil
		}
		if i == 0 {
			next = parent
		}
	}
	return next, true, nil
}
