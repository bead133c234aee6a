package input

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// waysToLeave take a.yaml away while a new file, whose path they return, is half written.
func waysToLeave() map[string]func(t *testing.T, dir string) string {
	return map[string]func(t *testing.T, dir string) string{
		"renamed by its writer": func(t *testing.T, dir string) string {
			t.Helper()
			to := filepath.Join(dir, "z.yaml")
			must(t, os.Rename(filepath.Join(dir, "a.yaml"), to))
			return to
		},
		"deleted while its copy is written": func(t *testing.T, dir string) string {
			t.Helper()
			to := filepath.Join(dir, "z.yaml")
			put(t, to, "half")
			must(t, os.Remove(filepath.Join(dir, "a.yaml")))
			return to
		},
	}
}

// TestAFileThatLeavesWhileAnotherIsWritten keeps what it last held until the other is finished or
// gone: what stands under the new name is half a file. It is said when that lasts.
func TestAFileThatLeavesWhileAnotherIsWritten(t *testing.T) {
	for name, leave := range waysToLeave() {
		t.Run(name, func(t *testing.T) {
			var writing []string
			var log bytes.Buffer
			b := lie(t, func(o *Options) {
				o.Writing = func() []string { return writing }
				o.Logger = slog.New(slog.NewTextHandler(&log, nil))
			})
			b.want("the start", b.Read(b.settled()), "c.yaml=c, a.yaml=a, b.yaml=b")
			to := leave(t, b.dir)
			writing = []string{to}
			r := b.Read(Change{Settled: []string{filepath.Join(b.dir, "a.yaml"), to}})
			b.want("while it is written", r, "c.yaml=c, a.yaml=a, b.yaml=b")
			if r.Again.After == 0 {
				t.Error("it is not read again")
			}
			b.now = b.now.Add(remindEvery)
			b.want("while it goes on", b.Read(Change{Retry: r.Again.Paths}), "c.yaml=c, a.yaml=a, b.yaml=b")
			if !strings.Contains(log.String(), "z.yaml") {
				t.Errorf("the log does not name the file: %s", log.String())
			}
			writing = nil
			put(t, to, "new")
			b.now = b.now.Add(remindEvery)
			b.want("finished", b.Read(Change{Settled: []string{to}}), "c.yaml=c, b.yaml=b, z.yaml=new")
		})
	}
}

// TestAMovedFolderWithAWriter holds the same of a folder.
func TestAMovedFolderWithAWriter(t *testing.T) {
	var writing []string
	b := lie(t, func(o *Options) { o.Writing = func() []string { return writing } })
	from, to := filepath.Join(b.dir, "from"), filepath.Join(b.dir, "to")
	must(t, os.Mkdir(from, 0o700))
	put(t, filepath.Join(from, "d.yaml"), "d")
	b.want("the start", b.Read(Change{}), "c.yaml=c, a.yaml=a, b.yaml=b, d.yaml=d")
	must(t, os.Rename(from, to))
	writing = []string{filepath.Join(to, "d.yaml")}
	b.want("moved", b.Read(Change{Settled: []string{from, to}}), "c.yaml=c, a.yaml=a, b.yaml=b, d.yaml=d")
	must(t, os.Remove(filepath.Join(to, "d.yaml")))
	writing = nil
	b.want("the new one is gone too", b.Read(Change{Settled: []string{to}}), "c.yaml=c, a.yaml=a, b.yaml=b")
}

// TestAFileThatItsWriterRenamesOntoAnother holds the same where the new name counted before: what
// it keeps is the other's.
func TestAFileThatItsWriterRenamesOntoAnother(t *testing.T) {
	var writing []string
	b := lie(t, func(o *Options) { o.Writing = func() []string { return writing } })
	from, to := filepath.Join(b.dir, "a.yaml"), filepath.Join(b.dir, "b.yaml")
	b.Read(Change{})
	writing = []string{to}
	must(t, os.Remove(from))
	b.want("one is deleted while another is edited in place", b.Read(Change{Settled: []string{from}}), "c.yaml=c, b.yaml=b")

	b.write("a.yaml", "a")
	writing = nil
	b.now = b.now.Add(remindEvery)
	b.want("back", b.Read(Change{Settled: []string{from}}), "c.yaml=c, a.yaml=a, b.yaml=b")
	must(t, os.Rename(from, to))
	writing = []string{to}
	b.want("renamed onto another", b.Read(Change{Settled: []string{from, to}}), "c.yaml=c, a.yaml=a, b.yaml=b")
	writing = nil
	b.want("finished", b.Read(Change{Settled: []string{to}}), "c.yaml=c, b.yaml=a")
}
