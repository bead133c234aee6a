package who_test

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/portreeve/portreeve/internal/audit"
	"github.com/portreeve/portreeve/internal/audit/who"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// repository is a directory with a real git.
type repository struct {
	t   testing.TB
	dir string
}

func newRepository(t testing.TB) repository {
	t.Helper()
	r := repository{t, t.TempDir()}
	r.git("", "init", "-q", "-b", "main")
	return r
}

// git runs git in the repository, as an author, and returns what it says.
func (r repository) git(author string, args ...string) string {
	r.t.Helper()
	program, err := exec.LookPath("git")
	if err != nil {
		r.t.Skip("SKIPPED, NOT PASSED: there is no git")
	}
	c := exec.CommandContext(r.t.Context(), program, args...)
	c.Dir = r.dir
	name := cmp.Or(author, "Nobody")
	c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=gc.auto", "GIT_CONFIG_VALUE_0=0", "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME="+name, "GIT_AUTHOR_EMAIL="+strings.ToLower(name)+"@example.org",
		"GIT_AUTHOR_DATE=1700000000 +0100", "GIT_COMMITTER_NAME=Committer", "GIT_COMMITTER_EMAIL=c@example.org", "GIT_COMMITTER_DATE=1700000100 +0000")
	out, err := c.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (r repository) write(name, content string) who.File {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	must(r.t, os.MkdirAll(filepath.Dir(path), 0o700))
	must(r.t, os.WriteFile(path, []byte(content), 0o600))
	return who.File{Path: path, Content: []byte(content)}
}

// commit writes a file and commits it.
func (r repository) commit(author, name, content string) who.File {
	r.t.Helper()
	f := r.write(name, content)
	r.git("", "add", "-A")
	r.git(author, "commit", "-q", "-m", "an edit")
	return f
}

func (r repository) gone(name string) who.File {
	must(r.t, os.Remove(filepath.Join(r.dir, name)))
	return who.File{Path: filepath.Join(r.dir, name), Gone: true}
}

// later is a clock by which no git is at work.
func later() time.Time { return time.Now().Add(time.Hour) }

func asked(t testing.TB, w *who.Who, files ...who.File) []string {
	t.Helper()
	var out []string
	for _, a := range w.Of(t.Context(), files) {
		if a.Owner == "" {
			out = append(out, told(a))
			continue
		}
		out = append(out, told(a)+" owned")
	}
	return out
}

// told is what is said of an actor, but for the commit's name.
func told(a audit.Actor) string {
	words := []string{filepath.Base(a.File)}
	if a.Commit != "" {
		words = append(words, "commit")
	}
	if a.Author != "" {
		words = append(words, "by "+a.Author)
	}
	if a.Committed {
		words = append(words, "committed")
	}
	return strings.Join(words, " ")
}

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("actors (-want +got):\n%s", diff)
	}
}

const (
	byAda = "commit by Ada <ada@example.org> committed owned"
	byBob = "commit by Bob <bob@example.org> committed owned"
)

func TestACommittedEditIsOfItsAuthor(t *testing.T) {
	r := newRepository(t)
	f := r.commit("Ada", "team/a.yaml", "one")
	got := who.New(who.Options{}).Of(t.Context(), []who.File{f})
	if len(got) != 1 || got[0].Owner == "" {
		t.Fatalf("got %+v", got)
	}
	want := audit.Actor{File: f.Path, Commit: r.git("", "rev-parse", "HEAD"), Author: "Ada <ada@example.org>", AuthorTime: time.Unix(1700000000, 0).UTC(), Committed: true, Owner: got[0].Owner}
	if diff := gocmp.Diff(want, got[0]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAnUncommittedEditIsLaidOnNobody(t *testing.T) {
	r := newRepository(t)
	r.commit("Ada", "a.yaml", "one")
	edited, untracked := r.write("a.yaml", "two"), r.write("b.yaml", "three")
	w := who.New(who.Options{Now: later})
	expect(t, asked(t, w, edited, untracked), "a.yaml commit owned", "b.yaml commit owned")
	expect(t, asked(t, w, r.gone("b.yaml"), r.gone("a.yaml")), "b.yaml commit", "a.yaml commit")
}

func TestEveryCommitSinceTheLastTimeIsTold(t *testing.T) {
	r := newRepository(t)
	a, b := r.commit("Ada", "dir/a.yaml", "one"), r.commit("Ada", "b.yaml", "one")
	w := who.New(who.Options{Now: later})
	expect(t, asked(t, w, a, b), "a.yaml "+byAda, "b.yaml "+byAda)
	r.commit("Bob", "dir/a.yaml", "two")
	b = r.commit("Ada", "b.yaml", "two")
	a = r.commit("Eve", "dir/a.yaml", "three")
	r.commit("Zoe", "other.yaml", "x")
	expect(t, asked(t, w, a, b), "a.yaml commit by Eve <eve@example.org> committed owned", "a.yaml commit by Bob <bob@example.org> owned", "b.yaml "+byAda)
	r.gone("b.yaml")
	r.commit("Bob", "other.yaml", "y")
	expect(t, asked(t, w, who.File{Path: b.Path, Gone: true}), "b.yaml commit by Bob <bob@example.org> committed")
}

func TestAMergeIsNotToldForWhatItMerged(t *testing.T) {
	r := newRepository(t)
	a := r.commit("Ada", "a.yaml", "one")
	w := who.New(who.Options{Now: later})
	asked(t, w, a)
	r.git("", "switch", "-q", "-c", "side")
	a = r.commit("Bob", "a.yaml", "two")
	r.git("", "switch", "-q", "main")
	r.commit("Ada", "b.yaml", "x")
	r.git("Eve", "merge", "-q", "--no-ff", "-m", "merged", "side")
	expect(t, asked(t, w, a), "a.yaml "+byBob)
}

func TestNoMoreCommitsAreToldThanTheBound(t *testing.T) {
	r := newRepository(t)
	f := r.commit("Ada", "a.yaml", "start")
	w := who.New(who.Options{Timeout: time.Minute, Now: later})
	asked(t, w, f)
	for i := range 25 {
		f = r.commit("Bob", "a.yaml", fmt.Sprint(i))
	}
	if got := asked(t, w, f); len(got) != 20 {
		t.Errorf("%d commits are told, want 20", len(got))
	}
}

// TestEveryWayOfKeepingObjectsIsRead holds for what git makes of a repository.
func TestEveryWayOfKeepingObjectsIsRead(t *testing.T) {
	full := func(t *testing.T) (repository, who.File) {
		t.Helper()
		r := newRepository(t)
		for i := range 200 {
			r.write(fmt.Sprintf("policies/%03d.yaml", i), fmt.Sprint("policy ", i))
		}
		r.commit("Bob", "policies/000.yaml", "before")
		for i := range 5 { // trees that are kept as differences
			r.commit("Bob", "policies/001.yaml", fmt.Sprint("edit ", i))
		}
		return r, r.commit("Ada", "policies/000.yaml", "after")
	}
	in := func(dir string, f who.File) who.File {
		return who.File{Path: filepath.Join(dir, "policies", "000.yaml"), Content: f.Content}
	}
	for name, change := range map[string]func(*testing.T, repository, who.File) who.File{
		"packed": func(_ *testing.T, r repository, f who.File) who.File {
			r.git("", "gc", "-q", "--aggressive")
			return f
		},
		"detached": func(_ *testing.T, r repository, f who.File) who.File {
			r.git("", "checkout", "-q", "--detach")
			return f
		},
		"worktree": func(t *testing.T, r repository, f who.File) who.File {
			dir := filepath.Join(t.TempDir(), "tree")
			r.git("", "worktree", "add", "-q", "-b", "another", dir)
			return in(dir, f)
		},
		"shared": func(t *testing.T, r repository, f who.File) who.File {
			dir := filepath.Join(t.TempDir(), "clone")
			r.git("", "clone", "-q", "--shared", ".", dir)
			return in(dir, f)
		},
		"shallow": func(t *testing.T, r repository, f who.File) who.File {
			dir := filepath.Join(t.TempDir(), "clone")
			r.git("", "clone", "-q", "--depth", "1", "file://"+r.dir, dir)
			return in(dir, f)
		},
		"submodule": func(t *testing.T, r repository, f who.File) who.File {
			outer := newRepository(t)
			outer.git("", "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", r.dir, "inner")
			return in(filepath.Join(outer.dir, "inner"), f)
		},
		"link to a file": func(t *testing.T, _ repository, f who.File) who.File { // as a ConfigMap has it
			dir := t.TempDir()
			must(t, os.Mkdir(filepath.Join(dir, "policies"), 0o700))
			must(t, os.Symlink(f.Path, filepath.Join(dir, "policies", "000.yaml")))
			return in(dir, f)
		},
		"link": func(t *testing.T, r repository, f who.File) who.File { // as git-sync has it
			dir := filepath.Join(t.TempDir(), "current")
			must(t, os.Symlink(r.dir, dir))
			return in(dir, f)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, f := full(t)
			expect(t, asked(t, who.New(who.Options{Timeout: time.Minute, Now: later}), change(t, r, f)), "000.yaml "+byAda)
		})
	}
}

// TestGitIsWaitedForUntilItSaysWhatItDid holds since git writes files first, and says last which commit they are of.
func TestGitIsWaitedForUntilItSaysWhatItDid(t *testing.T) {
	r := newRepository(t)
	r.commit("Bob", "a.yaml", "one")
	before := r.git("", "rev-parse", "HEAD")
	f := r.commit("Ada", "a.yaml", "two")
	after := r.git("", "rev-parse", "HEAD")
	r.git("", "update-ref", "refs/heads/main", before)
	calls := 0
	now := func() time.Time { // it is asked once the file was not found in the commit
		if calls++; calls == 2 {
			r.git("", "update-ref", "refs/heads/main", after)
		}
		return time.Now()
	}
	must(t, os.Chtimes(filepath.Join(r.dir, ".git", "index"), time.Now(), time.Now()))
	expect(t, asked(t, who.New(who.Options{Timeout: time.Minute, Now: now}), f), "a.yaml "+byAda)
}

func TestWithoutAGitTheOwnerIsKnown(t *testing.T) {
	dir := t.TempDir() // as Kubernetes mounts a ConfigMap
	must(t, os.Mkdir(filepath.Join(dir, "..2026"), 0o700))
	must(t, os.WriteFile(filepath.Join(dir, "..2026", "a.yaml"), []byte("x"), 0o600))
	must(t, os.Symlink("..2026", filepath.Join(dir, "..data")))
	must(t, os.Symlink(filepath.Join("..data", "a.yaml"), filepath.Join(dir, "a.yaml")))
	w := who.New(who.Options{})
	expect(t, asked(t, w, who.File{Path: filepath.Join(dir, "a.yaml"), Content: []byte("x")}, who.File{Path: filepath.Join(dir, "b.yaml"), Gone: true}), "a.yaml owned")
}

func TestManyFilesAreToldByTheirDirectories(t *testing.T) {
	r := newRepository(t)
	var files []who.File
	for i := range 130 {
		files = append(files, r.write(fmt.Sprintf("d%02d/%d.yaml", i/4, i), "x"))
	}
	r.commit("Ada", "last.yaml", "x")
	got := asked(t, who.New(who.Options{Timeout: time.Minute, Now: later}), files...)
	if len(got) != 108 || got[99] != "99.yaml "+byAda || got[100] != "d25 commit owned" {
		t.Errorf("%d actors, the last %v, want 100 files and 8 directories", len(got), got[min(99, len(got)):])
	}
}

func TestWhoAsksInVainGetsNothing(t *testing.T) {
	r := newRepository(t)
	f := r.commit("Ada", "a.yaml", "one")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := who.New(who.Options{}).Of(ctx, []who.File{f}); len(got) > 0 {
		t.Errorf("got %+v", got)
	}
}

// BenchmarkOneEdit is one edit of one file among 10,000, committed and packed.
func BenchmarkOneEdit(b *testing.B) {
	r := newRepository(b)
	for i := range 10_000 {
		r.write(fmt.Sprintf("policies/%05d.yaml", i), fmt.Sprint("policy ", i))
	}
	r.commit("Ada", "policies/00000.yaml", "one")
	w := who.New(who.Options{Timeout: time.Minute, Now: later})
	asked(b, w, r.write("policies/05000.yaml", "policy 5000"))
	f := r.commit("Bob", "policies/05000.yaml", "two")
	r.git("", "gc", "-q")
	b.ReportAllocs()
	for b.Loop() {
		if got := asked(b, w, f); len(got) != 1 || got[0] != "05000.yaml "+byBob {
			b.Fatal(got)
		}
	}
}
