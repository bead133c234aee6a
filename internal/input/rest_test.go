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
			if got := b.moving(path, p); got != c.want {
				t.Errorf("moves for %v, want %v", got, c.want)
			}
			// What is seen unchanged for long enough rests, whatever its times say.
			if b.now = b.now.Add(long); c.content.Writer != disk.WriterPresent && b.moving(path, p) != 0 {
				t.Error("it never rests")
			}
		})
	}
}
