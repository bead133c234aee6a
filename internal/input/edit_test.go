package input

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestEditsReadAsAllDoes holds that an edit of which the watcher tells is read as if all directories were: random
// edits, additions, removals and files that are left out, by two readers of which one always looks at everything.
func TestEditsReadAsAllDoes(t *testing.T) {
	b := lie(t, nil)
	whole := b.again(nil)
	b.now = time.Now().Add(time.Hour)
	rng := rand.New(rand.NewPCG(1, 2))
	plain := 0
	b.Read(Change{})
	whole.Read(Change{})
	for step := range 400 {
		b.now = b.now.Add(time.Minute)
		var told []string
		for range 1 + rng.IntN(3) {
			told = append(told, strange(t, b, rng, step))
		}
		change := Change{Settled: told, At: b.now}
		if rng.IntN(3) == 0 {
			change = Change{Complete: told, At: b.now}
		}
		whole.last = nil
		if b.last != nil {
			plain++
		}
		got, want := b.Read(change), whole.Read(change)
		if b.summary(got) != b.summary(want) || !slices.Equal(got.Mounts, want.Mounts) || got.Again.After != want.Again.After {
			t.Fatalf("step %d, %v: %s, by a look at everything %s", step, change, b.summary(got), b.summary(want))
		}
	}
	if plain < 50 {
		t.Errorf("only %d of the edits came after a reading that left nothing to be done", plain)
	}
}

// strange does something to a file, and returns what a watcher tells of.
func strange(t *testing.T, b *bed, rng *rand.Rand, step int) string {
	t.Helper()
	name := []string{"a.yaml", "b.yaml", "d.yaml", "e.yaml", "f.txt", ".hidden.yaml", "sub/g.yaml", ".portreeveignore", "e.yaml~", "link/g.yaml", "link/h.yaml"}[rng.IntN(11)]
	path := filepath.Join(b.dir, name)
	must(t, os.MkdirAll(filepath.Join(b.dir, "sub"), 0o700))
	_ = os.Symlink("sub", filepath.Join(b.dir, "link"))
	if step%50 < 25 {
		_ = os.Remove(filepath.Join(b.dir, "link"))
		name = strings.Replace(name, "link", "sub", 1)
		path = filepath.Join(b.dir, name)
	}
	switch rng.IntN(12) {
	case 0:
		_ = os.RemoveAll(path)
	case 1:
		_ = os.RemoveAll(path)
		_ = os.Symlink(filepath.Join(b.other, "c.yaml"), path)
	case 2:
		_ = os.RemoveAll(path)
		_ = os.Link(filepath.Join(b.dir, "b.yaml"), path)
	case 3: // in place, and by all its names
		if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() && name != ".portreeveignore" {
			put(t, path, fmt.Sprint(step))
		}
	default:
		if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
			must(t, os.Remove(path))
		}
		content := fmt.Sprint(step)
		if name == ".portreeveignore" {
			content = []string{"d.yaml\n", "/e.*\n", "\n"}[rng.IntN(3)]
		}
		must(t, os.WriteFile(path+".part~", []byte(content), 0o600))
		must(t, os.Rename(path+".part~", path))
	}
	return path
}

// TestAnEditLooksAtNothingElse holds that of many files only the one is asked for that the watcher told of: what
// happened to another without its word is seen when all is read.
func TestAnEditLooksAtNothingElse(t *testing.T) {
	b := lie(t, nil)
	b.want("the start", b.Read(Change{}), "c.yaml=c, a.yaml=a, b.yaml=b")
	b.write("a.yaml", "2")
	b.write("b.yaml", "2")
	b.now = b.now.Add(time.Minute)
	b.want("of one it is told", b.Read(Change{Settled: []string{filepath.Join(b.dir, "a.yaml")}}), "c.yaml=c, a.yaml=2, b.yaml=b")
	b.want("of the directory", b.Read(b.settled()), "c.yaml=c, a.yaml=2, b.yaml=2")
}

// TestAnEditBeyondALimit holds that the limits of all files count for an edit of one.
func TestAnEditBeyondALimit(t *testing.T) {
	b := lie(t, func(o *Options) { o.Limits.Bytes, o.Limits.FileBytes = 10, 9 })
	b.want("the start", b.Read(Change{}), "c.yaml=c, a.yaml=a, b.yaml=b")
	for _, content := range []string{"123456789", "1234567890"} {
		b.write("a.yaml", content)
		b.now = b.now.Add(time.Minute)
		if r := b.Read(Change{Settled: []string{filepath.Join(b.dir, "a.yaml")}}); len(r.Unreadable) == 0 {
			t.Errorf("%d bytes: %s", len(content), b.summary(r))
		}
	}
}

// TestAnEditOfAFileThatIsReadTwice holds that where one directory is within another both readings of a file are the new one.
func TestAnEditOfAFileThatIsReadTwice(t *testing.T) {
	b := lie(t, nil)
	b.Reader = b.again(func(o *Options) { o.Dirs = []string{b.dir, filepath.Dir(b.dir)} })
	before := b.Read(Change{})
	b.write("a.yaml", "2")
	b.now = b.now.Add(time.Minute)
	after := b.Read(Change{Settled: []string{filepath.Join(b.dir, "a.yaml")}})
	times := 0
	for i, f := range after.Files {
		if filepath.Base(f.Path) != "a.yaml" {
			continue
		}
		if times++; string(f.Content) != "2" || before.Files[i].Path != f.Path {
			t.Errorf("%s holds %s", f.Path, f.Content)
		}
	}
	if times != 2 {
		t.Errorf("it was read %d times", times)
	}
}
