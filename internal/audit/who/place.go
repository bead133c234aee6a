package who

import (
	"context"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/portreeve/portreeve/internal/audit"
	"github.com/portreeve/portreeve/internal/disk"
)

// maxDepth bounds the directories above a file in which a git is looked for.
const maxDepth = 64

// place is where a file is, and what is known of it.
type place struct {
	file File
	// directory says that it stands for the files of a directory, none of which is looked at.
	directory bool
	owner     string
	git       git
	// inGit is its path in the git, with slashes.
	inGit   string
	commits []audit.Actor
}

// git is where a repository keeps what it has: a worktree has a directory of its own beside the common one.
type git struct{ root, dir, common string }

// actors are those who are known to have changed it.
func (p *place) actors() []audit.Actor {
	if len(p.commits) == 0 {
		if p.owner == "" {
			return nil
		}
		return []audit.Actor{{File: p.file.Path, Owner: p.owner}}
	}
	for i := range p.commits {
		p.commits[i].File, p.commits[i].Owner = p.file.Path, p.owner
	}
	return p.commits
}

// places finds out where files are, each directory by itself so that one on a disk that hangs holds up no other. Those of a
// directory that hangs are left out.
func (w *Who) places(ctx context.Context, all []*place) []*place {
	byDir := map[string][]*place{}
	for _, p := range all {
		dir := filepath.Dir(p.file.Path)
		if p.directory {
			dir = p.file.Path
		}
		byDir[dir] = append(byDir[dir], p)
	}
	var wait sync.WaitGroup
	var mu sync.Mutex
	found := make(map[*place]place, len(all))
	for dir, of := range byDir {
		wait.Go(func() {
			located, err := w.locate(ctx, dir, of)
			if err != nil {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			for i, p := range of {
				found[p] = located[i]
			}
		})
	}
	wait.Wait()
	var out []*place
	for _, p := range all {
		if at, ok := found[p]; ok {
			out = append(out, &at)
		}
	}
	return out
}

func (w *Who) locate(ctx context.Context, dir string, of []*place) ([]place, error) {
	var out []place
	err := w.disk.Do(dir, func() error {
		gits := map[string]git{}
		for _, p := range of {
			if err := ctx.Err(); err != nil {
				return err
			}
			out = append(out, w.at(*p, gits))
		}
		return nil
	})
	if err != nil {
		return nil, err // it may still be written to
	}
	return out, nil
}

// at finds where a file really is: the files of a ConfigMap and of git-sync are symbolic links.
func (w *Who) at(p place, gits map[string]git) place {
	target, err := filepath.EvalSymlinks(p.file.Path)
	if p.file.Gone {
		if target, err = filepath.EvalSymlinks(filepath.Dir(p.file.Path)); err == nil {
			target = filepath.Join(target, filepath.Base(p.file.Path))
		}
	}
	if err != nil {
		return p
	}
	if target, err = filepath.Abs(target); err != nil {
		return p
	}
	if info, err := os.Lstat(target); err == nil && !p.file.Gone {
		if uid, ok := disk.Owner(info); ok {
			p.owner = w.user(uid)
		}
	}
	dir := filepath.Dir(target)
	if p.directory {
		dir = target
	}
	if _, known := gits[dir]; !known {
		gits[dir] = above(dir)
	}
	p.git = gits[dir]
	if in, err := filepath.Rel(p.git.root, target); err == nil {
		p.inGit = filepath.ToSlash(in)
	}
	return p
}

// user returns the name of a user, or the number where there is none.
func (w *Who) user(uid uint64) string {
	w.mu.Lock()
	name, known := w.users[uid]
	w.mu.Unlock()
	if known {
		return name
	}
	name = strconv.FormatUint(uid, 10)
	if u, err := user.LookupId(name); err == nil && u.Username != "" {
		name = plain(u.Username)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.users) >= maxKnown {
		clear(w.users)
	}
	w.users[uid] = name
	return name
}

// above returns the git of a directory: the first .git that is in it or above it, and none where that one cannot be used.
func above(dir string) git {
	for range maxDepth {
		at := filepath.Join(dir, ".git")
		if info, err := os.Stat(at); err == nil {
			if !info.IsDir() {
				at = elsewhere(dir, at)
			}
			return checked(dir, at)
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			break
		}
		dir = parent
	}
	return git{}
}

// elsewhere returns the directory that a file .git names, as worktrees and submodules have it.
func elsewhere(dir, file string) string {
	text, err := small(file)
	to, ok := strings.CutPrefix(text, "gitdir: ")
	if err != nil || !ok {
		return ""
	}
	return absolute(dir, to)
}

func checked(root, dir string) git {
	if dir == "" {
		return git{}
	}
	if _, err := small(filepath.Join(dir, "HEAD")); err != nil {
		return git{}
	}
	common := dir
	if text, err := small(filepath.Join(dir, "commondir")); err == nil && text != "" {
		common = absolute(dir, text)
	}
	return git{root: root, dir: dir, common: common}
}

func absolute(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

// small reads a file of git's that holds one line.
func small(path string) (string, error) {
	f, _, err := disk.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, maxLine))
	return strings.TrimSpace(string(b)), err
}

// maxLine bounds a line of git's: a path, or the name of a reference.
const maxLine = 4 << 10
