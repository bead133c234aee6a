package who_test

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1" //nolint:gosec // as git names objects
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/audit/who"
)

// anObject is the name of an object.
const anObject = "1234567890123456789012345678901234567890"

func deflated(t testing.TB, parts ...[]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := zlib.NewWriterLevel(&out, zlib.BestSpeed)
	must(t, err)
	for _, p := range parts {
		_, err := w.Write(p)
		must(t, err)
	}
	must(t, w.Close())
	return out.Bytes()
}

// at writes a file into a .git whose HEAD is anObject.
func at(t testing.TB, git, name string, content []byte) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(filepath.Join(git, name)), 0o700))
	must(t, os.WriteFile(filepath.Join(git, name), content, 0o600))
}

// packed writes a pack that holds one thing, under the name anObject.
func packed(t testing.TB, git string, stored []byte) {
	t.Helper()
	var index bytes.Buffer
	index.Write([]byte{0xff, 't', 'O', 'c', 0, 0, 0, 2})
	for i := range 256 {
		n := uint32(0)
		if i >= 0x12 {
			n = 1
		}
		must(t, binary.Write(&index, binary.BigEndian, n))
	}
	fmt.Fprintf(&index, "%s", objectName(t))
	index.Write([]byte{0, 0, 0, 0 /* its CRC */, 0, 0, 0, 12 /* where it begins */})
	index.Write(make([]byte, 40))
	at(t, git, "objects/pack/pack-x.idx", index.Bytes())
	at(t, git, "objects/pack/pack-x.pack", append([]byte("PACK\x00\x00\x00\x02\x00\x00\x00\x01"), stored...))
}

func objectName(t testing.TB) []byte {
	t.Helper()
	out := make([]byte, sha1.Size)
	_, err := fmt.Sscanf(anObject, "%x", &out)
	must(t, err)
	return out
}

// TestAGitThatIsBrokenOrHostileTellsNothing holds for what anybody may put beside policy: the owner is known all the same.
// What would hang or take all memory ends the test.
func TestAGitThatIsBrokenOrHostileTellsNothing(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	must(t, os.WriteFile(outside, []byte(anObject), 0o600))
	head := func(text string) func(*testing.T, string) {
		return func(t *testing.T, git string) { t.Helper(); at(t, git, "HEAD", []byte(text)) }
	}
	outward := func(text string) func(*testing.T, string) { // to a commit, which would be named
		return func(t *testing.T, git string) {
			t.Helper()
			head(text)(t, git)
			at(t, git, "objects/12/"+anObject[2:], deflated(t, []byte("commit 0\x00")))
		}
	}
	object := func(content ...[]byte) func(*testing.T, string) {
		return func(t *testing.T, git string) {
			t.Helper()
			at(t, git, "objects/12/"+anObject[2:], deflated(t, content...))
		}
	}
	inPack := func(stored func(t *testing.T) []byte) func(*testing.T, string) {
		return func(t *testing.T, git string) { t.Helper(); packed(t, git, stored(t)) }
	}
	for name, make := range map[string]func(t *testing.T, git string){
		"empty":               func(t *testing.T, git string) { must(t, os.Remove(filepath.Join(git, "HEAD"))) },
		"no commit":           head("ref: refs/heads/main\n"),
		"no text":             head(""),
		"reftable":            head("ref: refs/heads/.invalid\n"),
		"SHA-256":             head(strings.Repeat("ab", 32)),
		"a reference outside": outward("ref: refs/" + strings.Repeat("../", 20) + outside),
		"an absolute one":     outward("ref: /" + outside),
		"a loop": func(t *testing.T, git string) {
			head("ref: refs/a")(t, git)
			at(t, git, "refs/a", []byte("ref: refs/a"))
		},
		"no such object":         head(anObject),
		"no object":              object([]byte("garbage")),
		"a blob":                 object([]byte("blob 1\x00x")),
		"a size that is wrong":   object([]byte("commit 9\x00x")),
		"a tree that is none":    object([]byte("commit 8\x00tree abc")),
		"an object that is huge": object([]byte("commit 99999999999\x00"), bytes.Repeat([]byte("x"), 17<<20)),
		"a header that is huge":  object(bytes.Repeat([]byte("x"), 17<<20)),
		"a difference to itself": inPack(func(t *testing.T) []byte {
			return append(append([]byte{0x72}, objectName(t)...), deflated(t, []byte{0, 0})...)
		}),
		"a difference to nothing":              inPack(func(t *testing.T) []byte { return append([]byte{0x62, 0x01}, deflated(t, []byte{0, 0})...) }),
		"a packed object that says to be huge": inPack(func(*testing.T) []byte { return []byte{0x9f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f} }),
		"a packed object that is longer": inPack(func(t *testing.T) []byte {
			return append([]byte{0x12}, deflated(t, bytes.Repeat([]byte("x"), 1<<20))...)
		}),
		"a pack that is cut": inPack(func(*testing.T) []byte { return []byte{0x92} }),
		"an index that counts wrongly": func(t *testing.T, git string) {
			packed(t, git, nil)
			at(t, git, "objects/pack/pack-x.idx", append([]byte{0xff, 't', 'O', 'c', 0, 0, 0, 2}, bytes.Repeat([]byte{0xff}, 256*4)...))
		},
		"a pipe as packs": func(t *testing.T, git string) {
			must(t, os.MkdirAll(filepath.Join(git, "objects"), 0o700))
			must(t, syscall.Mkfifo(filepath.Join(git, "objects", "pack"), 0o600))
		},
		"a device as packed references": func(t *testing.T, git string) {
			head("ref: refs/heads/main")(t, git)
			must(t, os.Symlink("/dev/zero", filepath.Join(git, "packed-refs")))
		},
		"a pipe as HEAD": func(t *testing.T, git string) {
			must(t, os.Remove(filepath.Join(git, "HEAD")))
			must(t, syscall.Mkfifo(filepath.Join(git, "HEAD"), 0o600))
		},
		"a common directory that is not there": func(t *testing.T, git string) { at(t, git, "commondir", []byte("../elsewhere")) },
		"a file that names nothing": func(t *testing.T, git string) {
			must(t, os.RemoveAll(git))
			must(t, os.WriteFile(git, []byte("gitdir: /does/not/exist"), 0o600))
		},
		"a file that is no git's": func(t *testing.T, git string) {
			must(t, os.RemoveAll(git))
			must(t, os.WriteFile(git, []byte("hello"), 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			at(t, filepath.Join(dir, ".git"), "HEAD", []byte(anObject))
			make(t, filepath.Join(dir, ".git"))
			file := filepath.Join(dir, "a.yaml")
			must(t, os.WriteFile(file, []byte("x"), 0o600))
			expect(t, asked(t, who.New(who.Options{Timeout: time.Minute, Now: later}), who.File{Path: file, Content: []byte("x")}), "a.yaml owned")
		})
	}
}

// TestACommitWithoutATreeIsNamedAlone holds since it is checked out, whatever became of the file.
func TestACommitWithoutATreeIsNamedAlone(t *testing.T) {
	for _, commit := range []string{"commit 0\x00", "commit 46\x00tree " + anObject + "\n"} {
		dir := t.TempDir()
		at(t, filepath.Join(dir, ".git"), "HEAD", []byte(anObject))
		at(t, filepath.Join(dir, ".git"), "objects/12/"+anObject[2:], deflated(t, []byte(commit)))
		file := filepath.Join(dir, "a.yaml")
		must(t, os.WriteFile(file, []byte("x"), 0o600))
		expect(t, asked(t, who.New(who.Options{Timeout: time.Minute, Now: later}), who.File{Path: file, Content: []byte("x")}), "a.yaml commit owned")
	}
}

// TestNothingOfAGitIsExecuted holds for what a git can be told to run when it is asked.
func TestNothingOfAGitIsExecuted(t *testing.T) {
	r := newRepository(t)
	f := r.commit("Ada", "a.yaml", "one")
	ran := filepath.Join(t.TempDir(), "ran")
	config := fmt.Sprintf("[core]\nfsmonitor = touch %[1]s\nhooksPath = %[1]s\nsshCommand = touch %[1]s\n[include]\npath = /dev/zero\n[diff]\nexternal = touch %[1]s\n", ran)
	must(t, os.WriteFile(filepath.Join(r.dir, ".git", "config"), []byte(config), 0o600))
	expect(t, asked(t, who.New(who.Options{Timeout: time.Minute, Now: later}), f), "a.yaml "+byAda)
	if _, err := os.Stat(ran); err == nil {
		t.Error("something ran")
	}
}

func TestAnAuthorIsBoundedAndPlain(t *testing.T) {
	r := newRepository(t)
	for author, want := range map[string]string{
		"A\x1b[31m\u202eB":        "A[31mB <a\x1b[31m\u202eb@example.org>",
		strings.Repeat("é", 1000): "",
	} {
		f := r.commit(author, "a.yaml", author)
		got := who.New(who.Options{Timeout: time.Minute, Now: later}).Of(t.Context(), []who.File{f})[0].Author
		switch {
		case strings.ContainsAny(got, "\x1b\u202e"), len(got) > 256, !strings.HasPrefix(got, author[:1]):
			t.Errorf("%q became %q, want something like %q", author[:8], got, want)
		}
	}
}
