package input

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/disk"
)

// TestRest holds how long a file must have been left alone before it counts, by who can be asked
// for its writers.
func TestRest(t *testing.T) {
	const long = 10 * time.Second
	for name, c := range map[string]struct {
		content disk.Content
		age     time.Duration
		begun   bool
		blind   bool
		want    time.Duration
	}{
		"no writer, just written":                              {disk.Content{Writer: disk.WriterAbsent}, 10 * time.Millisecond, false, false, 40 * time.Millisecond},
		"no writer, at rest":                                   {disk.Content{Writer: disk.WriterAbsent}, time.Second, false, false, 0},
		"no writer, a time in the future":                      {disk.Content{Writer: disk.WriterAbsent}, -time.Second, false, false, 0},
		"a writer, long ago":                                   {disk.Content{Writer: disk.WriterPresent}, time.Hour, true, false, writerPoll},
		"unknown at the start, a while ago":                    {disk.Content{}, time.Second, false, false, 9 * time.Second},
		"unknown at the start, long ago":                       {disk.Content{}, long, false, false, 0},
		"unknown at the start, in the future":                  {disk.Content{}, -time.Hour, false, false, long},
		"unknown while running, where the watcher looks":       {disk.Content{}, time.Second, true, false, 0},
		"unknown while running, where the watcher cannot look": {disk.Content{}, time.Second, true, true, 9 * time.Second},
		"remote while running":                                 {disk.Content{Remote: true}, time.Second, true, false, 9 * time.Second},
		"remote, the clock there is ahead":                     {disk.Content{Remote: true}, -time.Second, true, false, long},
	} {
		t.Run(name, func(t *testing.T) {
			b := lie(t, func(o *Options) { o.Blind = func() bool { return c.blind } })
			b.begun = c.begun
			path := filepath.Join(b.dir, "a.yaml")
			must(t, os.Chtimes(path, b.now, b.now.Add(-c.age)))
			info, err := os.Stat(path)
			must(t, err)
			c.content.Info = info
			p := &pass{read: map[string]disk.Content{path: c.content}}
			if got := b.unsettledFor(path, p); got != c.want {
				t.Errorf("moves for %v, want %v", got, c.want)
			}
			// What is seen unchanged for long enough rests, whatever its times say.
			if b.now = b.now.Add(long); c.content.Writer != disk.WriterPresent && b.unsettledFor(path, p) != 0 {
				t.Error("it never rests")
			}
		})
	}
}

// TestWhatASymlinkBrought holds that a file which a symlink leads to since it was renamed into place
// must have rested where nobody can be asked for its writers, unlike a file that was renamed itself.
func TestWhatASymlinkBrought(t *testing.T) {
	b := lie(t, nil)
	b.begun = true
	path, link := filepath.Join(b.dir, "a.yaml"), filepath.Join(b.dir, "link.yaml")
	must(t, os.Symlink(path, link))
	must(t, os.Chtimes(path, b.now, b.now.Add(-time.Second)))
	info, err := os.Stat(path)
	must(t, err)
	for name, c := range map[string]struct {
		path, complete string
		writer         disk.Writer
		want           time.Duration
	}{
		"renamed itself":                 {path, path, disk.WriterUnknown, 0},
		"a symlink to it":                {link, link, disk.WriterUnknown, 9 * time.Second},
		"a symlink above":                {path, b.dir, disk.WriterUnknown, 9 * time.Second},
		"a symlink above, and no writer": {path, b.dir, disk.WriterAbsent, 0},
	} {
		p := &pass{change: Change{Complete: []string{c.complete}, At: b.now}, read: map[string]disk.Content{c.path: {Info: info, Writer: c.writer}}}
		if got := b.unsettledFor(c.path, p); got != c.want {
			t.Errorf("%s: moves for %v, want %v", name, got, c.want)
		}
	}
	b.now = b.now.Add(10 * time.Second)
	p := &pass{change: Change{Complete: []string{b.dir}, At: b.now}, read: map[string]disk.Content{path: {Info: info}}}
	if got := b.unsettledFor(path, p); got != 0 {
		t.Errorf("after a rest: moves for %v", got)
	}
}

// TestAFileThatWasJustWrittenIsUnsettled holds that a start in the midst of a copy waits for it, and that nothing is
// read to know of that.
func TestAFileThatWasJustWrittenIsUnsettled(t *testing.T) {
	b := lie(t, nil)
	if b.Unsettled() {
		t.Error("what has rested is unsettled")
	}
	b.now = time.Now()
	b.write("sub.yaml", "a")
	must(t, os.Chtimes(filepath.Join(b.dir, "sub.yaml"), b.now, b.now.Add(-10*time.Millisecond)))
	if !b.Unsettled() {
		t.Error("what was written 10 ms ago is not")
	}
	put(t, filepath.Join(b.dir, ".portreeveignore"), "sub.yaml\n")
	must(t, os.Chtimes(filepath.Join(b.dir, ".portreeveignore"), b.now, b.now.Add(-time.Hour)))
	for _, name := range []string{"a.yaml", "b.yaml"} {
		must(t, os.Chtimes(filepath.Join(b.dir, name), b.now, b.now.Add(-time.Hour)))
	}
	must(t, os.Chtimes(filepath.Join(b.other, "c.yaml"), b.now, b.now.Add(-time.Hour)))
	if b.Unsettled() {
		t.Error("what is left out is unsettled")
	}
}
