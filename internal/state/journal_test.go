package state

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// large is a state with so many files that it has a journal.
func large() Content {
	c := sample()
	for i := range 1200 {
		c.Generations[0].Files = append(c.Generations[0].Files, File{fmt.Sprintf("q/%04d.yaml", i), fmt.Appendf(nil, "kind: A # %d %s\n", i, strings.Repeat("-", 300))})
	}
	return c
}

// edited returns a state after a random edit. What is handed in is not changed.
func edited(c Content, rng *rand.Rand, step int) Content {
	before := c.Generations[0]
	g := before
	g.Hash, g.Files = fmt.Sprint("step-", step), slices.Clone(before.Files)
	at := rng.IntN(len(g.Files))
	switch rng.IntN(4) {
	case 0:
		g.Files = slices.Delete(g.Files, at, at+1)
	case 1:
		g.Files = slices.Insert(g.Files, at, File{g.Files[at].Path[:1] + "/" + fmt.Sprintf("0%06d", step), []byte("new")})
		slices.SortFunc(g.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	case 2:
		g.Flags = &Flags{RootNamespace: fmt.Sprint(step)}
	default:
		g.Files[at].Content = fmt.Appendf(nil, "edited in step %d", step)
	}
	out := Content{At: day(1 + step%28), Groups: slices.Clone(c.Groups), Generations: []Generation{g, before}}
	out.Groups[0].Serving = g.Hash
	if rng.IntN(3) == 0 {
		out.Generations = out.Generations[:1]
	}
	return out
}

// wantContent holds that a state was read as it was written. What is large is only told apart where it differs.
func wantContent(t *testing.T, what string, got, want Content) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: read (-want +got):\n%.2000s", what, cmp.Diff(want, got))
	}
}

// kept returns what another process reads of a directory.
func kept(t *testing.T, dir string) Content {
	t.Helper()
	d, err := Open(Options{Dir: dir})
	must(t, err)
	defer func() { must(t, d.Close()) }()
	return d.Load(func(Content) { t.Error("the disk answered late") })
}

// journaled writes a large state and edits of it, and returns the last.
func journaled(t *testing.T, dir string, edits int, each func(Content)) Content {
	t.Helper()
	d, err := Open(Options{Dir: dir})
	must(t, err)
	defer func() { must(t, d.Close()) }()
	d.Load(nil)
	rng := rand.New(rand.NewPCG(3, 4))
	c := large()
	for step := range edits + 1 {
		_, err := d.write(func() Content { return c })
		must(t, err)
		each(c)
		if step < edits {
			c = edited(c, rng, step)
		}
	}
	return c
}

// TestAJournalTellsTheState holds that after each of many random edits another process reads exactly what was
// written, and that an edit costs what it changes and not what there is.
func TestAJournalTellsTheState(t *testing.T) {
	dir := t.TempDir()
	var sizes []int64
	journaled(t, dir, 60, func(c Content) {
		copied := t.TempDir()
		must(t, os.CopyFS(copied, os.DirFS(dir)))
		must(t, os.Remove(filepath.Join(copied, "lock")))
		wantContent(t, c.Generations[0].Hash, kept(t, copied), c)
		info, err := os.Stat(filepath.Join(dir, journalName))
		must(t, err)
		sizes = append(sizes, info.Size())
	})
	if grown := sizes[len(sizes)-1]; grown < 60*200 || grown > 60*4000 {
		t.Errorf("60 edits are %d bytes", grown)
	}
}

// TestAJournalIsBounded holds that the state is written as a whole again before its journal is larger than it.
func TestAJournalIsBounded(t *testing.T) {
	j := journal{last: &Content{}, whole: 1 << 20}
	c := large()
	j.last = &c
	for _, full := range []func(*journal){
		func(j *journal) { j.lines = maxJournalLines },
		func(j *journal) { j.size = j.whole + 1 },
		func(j *journal) { j.contents = 1<<30 + 1 },
		func(j *journal) { j.last = nil },
	} {
		tried := j
		if _, _, _, ok := tried.line(edited(c, rand.New(rand.NewPCG(1, 1)), 1), 1<<30); !ok {
			t.Fatal("no line although there is room")
		}
		full(&tried)
		if _, _, _, ok := tried.line(edited(c, rand.New(rand.NewPCG(1, 1)), 1), 1<<30); ok {
			t.Errorf("a line although there is no room: %+v lines, %d bytes", tried.lines, tried.size)
		}
	}
}

// TestAJournalThatIsNotWhole holds what another process reads of one: without a last line that was cut short, what
// was written before it; and nothing, set aside, where any line is other than it was.
func TestAJournalThatIsNotWhole(t *testing.T) {
	dir := t.TempDir()
	var states []Content
	journaled(t, dir, 5, func(c Content) { states = append(states, c) })
	text, err := os.ReadFile(filepath.Join(dir, journalName))
	must(t, err)
	lines := bytes.SplitAfter(text, []byte("\n"))
	lines = lines[:len(lines)-1]
	whole, err := os.ReadFile(filepath.Join(dir, fileName))
	must(t, err)
	first, last := lines[1], lines[len(lines)-1]
	for name, tc := range map[string]struct {
		journal []byte
		want    Content
	}{
		"whole":                        {text, states[len(states)-1]},
		"its last line cut":            {text[:len(text)-len(last)/2], states[len(states)-2]},
		"its last end of line cut":     {text[:len(text)-1], states[len(states)-2]},
		"none":                         {nil, states[0]},
		"its head cut":                 {text[:5], states[0]},
		"of another state":             {append([]byte(`{"base":"sha256:0"}`+"\n"), first...), states[0]},
		"a byte of a line another":     {bytes.Replace(text, []byte("istio-system"), []byte("istio-sysTem"), 1), Content{}},
		"a line lost":                  {append(slices.Clone(lines[0]), bytes.Join(lines[2:], nil)...), Content{}},
		"a line twice":                 {append(slices.Clone(text), last...), Content{}},
		"two lines in another order":   {bytes.Join([][]byte{lines[0], lines[2], lines[1]}, nil), Content{}},
		"a line that is none":          {append(slices.Clone(text), "{}\n"...), Content{}},
		"a line with a field too much": {append(slices.Clone(text), `{"checksum":"","change":{},"more":1}`+"\n"...), Content{}},
	} {
		t.Run(name, func(t *testing.T) {
			copied := t.TempDir()
			must(t, os.WriteFile(filepath.Join(copied, fileName), whole, 0o600))
			if tc.journal != nil {
				must(t, os.WriteFile(filepath.Join(copied, journalName), tc.journal, 0o600))
			}
			wantContent(t, name, kept(t, copied), tc.want)
			for _, name := range []string{fileName, journalName} {
				aside, err := filepath.Glob(filepath.Join(copied, name+".broken-*"))
				must(t, err)
				if (len(aside) == 1) != (len(tc.want.Generations) == 0) {
					t.Errorf("set aside of %s: %v", name, aside)
				}
			}
		})
	}
}

// TestAWriteThatFailsIsFollowedByAWholeOne holds that half a line is never followed by another.
func TestAWriteThatFailsIsFollowedByAWholeOne(t *testing.T) {
	dir := t.TempDir()
	disk := &tearing{Disk: localDisk{}}
	d, err := Open(Options{Dir: dir, Disk: disk})
	must(t, err)
	d.Load(nil)
	rng, c := rand.New(rand.NewPCG(5, 6)), large()
	for step := range 10 {
		disk.tears = step%3 == 1
		_, err := d.write(func() Content { return c })
		must(t, err)
		copied := t.TempDir()
		must(t, os.CopyFS(copied, os.DirFS(dir)))
		must(t, os.Remove(filepath.Join(copied, "lock")))
		wantContent(t, fmt.Sprint("step ", step), kept(t, copied), c)
		c = edited(c, rng, step)
	}
	must(t, d.Close())
}

// tearing is a disk that writes half a line where it is told to.
type tearing struct {
	Disk
	tears bool
}

func (d *tearing) Append(path string, text []byte) error {
	if !d.tears {
		return d.Disk.Append(path, text)
	}
	if err := d.Disk.Append(path, text[:len(text)/2]); err != nil {
		return err
	}
	return os.ErrDeadlineExceeded
}

// BenchmarkAnEditIsWritten measures a write after one of 10,000 files was edited.
func BenchmarkAnEditIsWritten(b *testing.B) {
	d, err := Open(Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	d.Load(nil)
	c := Content{Generations: []Generation{{Hash: "0"}}}
	for i := range 10_000 {
		c.Generations[0].Files = append(c.Generations[0].Files, File{fmt.Sprintf("%05d.yaml", i), bytes.Repeat([]byte("x"), 500)})
	}
	for i := 0; b.Loop(); i++ {
		if _, err := d.write(func() Content { return c }); err != nil {
			b.Fatal(err)
		}
		g := c.Generations[0]
		g.Hash, g.Files = fmt.Sprint(i+1), slices.Clone(g.Files)
		g.Files[i%10_000].Content = fmt.Append(nil, i)
		c.Generations = []Generation{g}
	}
}
