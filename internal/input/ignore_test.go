package input

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/ignore"
)

// taken writes what took a file of the first directory away.
func (b *bed) taken(r Reading, name string) string {
	return strings.TrimPrefix(r.Taken(filepath.Join(b.dir, name)), b.dir+"/")
}

// ignoreSettled is what a watcher tells when the rules of the first directory have come to rest.
func (b *bed) ignoreSettled() Change {
	return Change{Settled: []string{filepath.Join(b.dir, ignore.File)}}
}

// TestARuleTakesFilesAway holds that files go with an edit of the rules alone, that it is known by
// which line, and that they come back.
func TestARuleTakesFilesAway(t *testing.T) {
	b := lie(t, nil)
	b.want("before", b.Read(Change{}), "c.yaml=c, a.yaml=a, b.yaml=b")
	b.write(ignore.File, "# what is not meant\nb.*\n")
	r := b.Read(b.ignoreSettled())
	b.want("with a rule", r, "c.yaml=c, a.yaml=a")
	if got := b.taken(r, "b.yaml") + b.taken(r, "a.yaml"); got != ".portreeveignore:2" {
		t.Errorf("taken by %s", got)
	}
	b.want("read again", b.Read(Change{}), "c.yaml=c, a.yaml=a")
	must(t, os.Remove(filepath.Join(b.dir, ignore.File)))
	b.want("without the watcher's word that it is gone", b.Read(Change{}), "c.yaml=c, a.yaml=a")
	b.want("without rules", b.Read(b.ignoreSettled()), "c.yaml=c, a.yaml=a, b.yaml=b")
}

// TestRulesFromTheBeginning holds that they count for the first reading, and --exclude with them.
func TestRulesFromTheBeginning(t *testing.T) {
	rules, err := ignore.Excluded([]string{"a.yaml"})
	must(t, err)
	b := lie(t, func(o *Options) { o.Exclude = rules })
	b.want("an argument", b.Read(Change{}), "c.yaml=c, b.yaml=b")
	b.write(ignore.File, "!a.yaml\n")
	b.want("an argument decides", b.again(func(o *Options) { o.Exclude = rules }).Read(Change{}), "c.yaml=c, b.yaml=b")
	b.write(ignore.File, "b.yaml\n")
	b.want("a file", b.again(nil).Read(Change{}), "c.yaml=c, a.yaml=a")
}

// TestRulesThatTakeEverythingAway holds that this is a loss like any other, and can be meant.
func TestRulesThatTakeEverythingAway(t *testing.T) {
	b := lie(t, nil)
	b.Read(Change{})
	b.write(ignore.File, "*\n")
	b.want("everything", b.Read(b.ignoreSettled()), "c.yaml=c, PR0109 policy")
	b.want("everything, meant", b.again(func(o *Options) { o.AllowEmpty = []string{b.dir} }).Read(Change{}), "c.yaml=c")
}

// TestRulesThatCannotBeRead holds that nothing new counts by rules that are broken or out of reach.
func TestRulesThatCannotBeRead(t *testing.T) {
	for name, c := range map[string]struct {
		put  func(t *testing.T, path string)
		want string
	}{
		"no pattern":    {func(t *testing.T, path string) { put(t, path, "a.yaml\n[\n") }, "PR0111 .portreeveignore"},
		"too large":     {func(t *testing.T, path string) { put(t, path, strings.Repeat("#", ignore.MaxBytes+1)) }, "PR0111 .portreeveignore"},
		"a symlink":     {func(t *testing.T, path string) { must(t, os.Symlink(path, path)) }, "PR0111 .portreeveignore"},
		"a directory":   {func(t *testing.T, path string) { must(t, os.Mkdir(path, 0o700)) }, "PR0110 .portreeveignore"},
		"without a way": {func(t *testing.T, path string) { must(t, os.Symlink("nowhere", path)) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := lie(t, nil)
			b.write(ignore.File, "b.yaml\n")
			b.want("before", b.Read(Change{}), "c.yaml=c, a.yaml=a")
			path := filepath.Join(b.dir, ignore.File)
			must(t, os.Remove(path))
			c.put(t, path)
			want := "c.yaml=c, a.yaml=a"
			if c.want != "" {
				want += ", " + c.want
			} else {
				want += ", b.yaml=b"
			}
			r := b.Read(b.ignoreSettled())
			b.want("then", r, want)
			if c.want != "" && !slices.Contains(r.Again.Paths, path) {
				t.Errorf("it is not tried again: %v", r.Again)
			}
			put(t, b.other+"/d.yaml", "d")
			if c.want == "PR0110 .portreeveignore" {
				b.want("an edit of another directory", b.Read(Change{Settled: []string{b.other}}), "c.yaml=c, d.yaml=d, a.yaml=a, "+c.want)
			}
		})
	}
	t.Run("from the beginning", func(t *testing.T) {
		b := lie(t, nil)
		must(t, os.Mkdir(filepath.Join(b.dir, ignore.File), 0o700))
		b.want("a directory", b.Read(Change{}), "c.yaml=c, a.yaml=a, b.yaml=b, PR0111 .portreeveignore")
	})
}

// TestHalfOfARule holds that rules that are being written do not count: half a pattern may take
// away more than the whole.
func TestHalfOfARule(t *testing.T) {
	var writing []string
	b := lie(t, func(o *Options) { o.Writing = func() []string { return writing } })
	path := filepath.Join(b.dir, ignore.File)
	b.write(ignore.File, "*")
	writing = []string{path}
	b.want("at the start", b.Read(Change{}), "c.yaml=c, a.yaml=a, b.yaml=b, PR0101 .portreeveignore")
	b.write(ignore.File, "b.yaml")
	writing = nil
	b.want("finished", b.Read(b.ignoreSettled()), "c.yaml=c, a.yaml=a")
	b.write(ignore.File, "")
	writing = []string{path}
	b.want("emptied by a writer", b.Read(Change{Settled: []string{b.other}}), "c.yaml=c, a.yaml=a")
	must(t, os.Remove(path))
	b.want("being replaced", b.Read(Change{Settled: []string{b.other}}), "c.yaml=c, a.yaml=a")
	b.write(ignore.File, "*.yaml")
	b.want("half written", b.Read(Change{Settled: []string{b.other}}), "c.yaml=c, a.yaml=a")
	b.write(ignore.File, "*.yaml\n!b.yaml\n")
	writing = nil
	b.want("finished again", b.Read(b.ignoreSettled()), "c.yaml=c, b.yaml=b")
}

// TestRulesAreForTheirDirectoryAlone holds that they take away nothing that another directory has,
// be it beside, above or below.
func TestRulesAreForTheirDirectoryAlone(t *testing.T) {
	below := func(b *bed) func(*Options) {
		return func(o *Options) { o.Dirs = append(o.Dirs, filepath.Join(b.dir, "below")) }
	}
	b := lie(t, nil)
	must(t, os.Mkdir(filepath.Join(b.dir, "below"), 0o700))
	b.write("below/d.yaml", "d")
	b.write("below/secret.yaml", "s")
	r := b.again(below(b))
	before := b.summary(r.Read(Change{}))
	if !strings.Contains(before, "d.yaml=d") {
		t.Fatal(before)
	}
	b.write(ignore.File, "/below\nc.yaml\n")
	got := r.Read(b.ignoreSettled())
	b.want("taken from above only", got, "c.yaml=c, a.yaml=a, b.yaml=b, d.yaml=d, secret.yaml=s")
	if by := b.taken(got, "below/d.yaml"); by != "" {
		t.Errorf("taken by %s", by)
	}
	b.write("below/"+ignore.File, "d.yaml\n")
	got = r.Read(Change{Settled: []string{filepath.Join(b.dir, "below", ignore.File)}})
	b.want("taken from both", got, "c.yaml=c, a.yaml=a, b.yaml=b, secret.yaml=s")
}

// TestASymlinkOutOfADirectoryThatIsLeftOut holds that what is reached by another name counts by it.
func TestASymlinkOutOfADirectoryThatIsLeftOut(t *testing.T) {
	b := lie(t, nil)
	must(t, os.Mkdir(filepath.Join(b.dir, "old"), 0o700))
	b.write("old/d.yaml", "d")
	must(t, os.Symlink("old", filepath.Join(b.dir, "link")))
	must(t, os.Symlink("nowhere", filepath.Join(b.dir, "dangling.yaml")))
	b.write(ignore.File, "old/\ndangling.yaml\n")
	b.want("by the link", b.Read(Change{}), "c.yaml=c, a.yaml=a, b.yaml=b, d.yaml=d")
	b.write(ignore.File, "old/\ndangling.yaml\nlink/\n")
	b.want("the link too", b.Read(b.ignoreSettled()), "c.yaml=c, a.yaml=a, b.yaml=b")
}
