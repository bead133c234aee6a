package input

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/portreeve/portreeve/internal/disk"
	"github.com/portreeve/portreeve/translate/diag"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bed is two directories of policy that are read on a clock of the test's.
type bed struct {
	t          *testing.T
	dir, other string
	now        time.Time
	disk       *disk.Disk
	*Reader
}

// lie makes a bed in which all that was written so far has rested.
func lie(t *testing.T, change func(*Options)) *bed {
	t.Helper()
	root := t.TempDir()
	b := &bed{t: t, dir: filepath.Join(root, "policy"), other: filepath.Join(root, "other"), now: time.Now().Add(time.Hour), disk: disk.New(disk.Options{Timeout: time.Second})}
	must(t, os.Mkdir(b.dir, 0o700))
	must(t, os.Mkdir(b.other, 0o700))
	b.write("a.yaml", "a")
	b.write("b.yaml", "b")
	put(t, filepath.Join(b.other, "c.yaml"), "c")
	b.Reader = b.again(change)
	return b
}

// again is the reader of another process.
func (b *bed) again(change func(*Options)) *Reader {
	o := Options{
		Dirs: []string{b.dir, b.other}, Quiet: 50 * time.Millisecond, RemoteQuiet: 10 * time.Second,
		Disk: b.disk, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return b.now },
	}
	if change != nil {
		change(&o)
	}
	return New(o)
}

func (b *bed) write(name, content string) {
	b.t.Helper()
	put(b.t, filepath.Join(b.dir, name), content)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// summary writes a reading as name=content, with the codes of what is to be said of it.
func (b *bed) summary(r Reading) string {
	var out []string
	for _, f := range r.Files {
		out = append(out, filepath.Base(f.Path)+"="+string(f.Content))
	}
	for _, d := range slices.Concat(r.Unreadable, r.Held) {
		out = append(out, string(d.Code)+" "+filepath.Base(d.Pos.File))
	}
	for _, l := range r.Lost {
		out = append(out, string(l.Diagnostic.Code)+" "+filepath.Base(l.Dir))
	}
	return strings.Join(out, ", ")
}

// settled is what a watcher tells when something in the first directory has come to rest.
func (b *bed) settled() Change { return Change{Settled: []string{b.dir}} }

func (b *bed) want(what string, r Reading, want string) {
	b.t.Helper()
	if got := b.summary(r); got != want {
		b.t.Errorf("%s: %s, want %s", what, got, want)
	}
}

// waysToLose lose all files of a directory.
func waysToLose() map[string]func(t *testing.T, dir string) {
	return map[string]func(t *testing.T, dir string){
		"every file deleted": func(t *testing.T, dir string) {
			t.Helper()
			must(t, os.Remove(filepath.Join(dir, "a.yaml")))
			must(t, os.Remove(filepath.Join(dir, "b.yaml")))
		},
		"every file renamed away": func(t *testing.T, dir string) {
			t.Helper()
			must(t, os.Rename(filepath.Join(dir, "a.yaml"), filepath.Join(dir, "a.txt")))
			must(t, os.Rename(filepath.Join(dir, "b.yaml"), filepath.Join(dir, "b.txt")))
		},
		"removed and made again": func(t *testing.T, dir string) {
			t.Helper()
			must(t, os.RemoveAll(dir))
			must(t, os.Mkdir(dir, 0o700))
		},
		"removed": func(t *testing.T, dir string) {
			t.Helper()
			must(t, os.RemoveAll(dir))
		},
		"replaced by a symlink to an empty one": func(t *testing.T, dir string) {
			t.Helper()
			must(t, os.Rename(dir, dir+"-old"))
			must(t, os.Mkdir(dir+"-empty", 0o700))
			must(t, os.Symlink(dir+"-empty", dir))
		},
	}
}

// TestALostDirectory holds that a directory which holds nothing any more is lost and not edited:
// while running and at the start, until its files are back.
func TestALostDirectory(t *testing.T) {
	for name, lose := range waysToLose() {
		t.Run(name, func(t *testing.T) {
			b := lie(t, nil)
			b.want("before", b.Read(Change{}), "c.yaml=c, a.yaml=a, b.yaml=b")
			lose(t, b.dir)
			b.want("before the watcher says that they are gone for good", b.Read(Change{}), "c.yaml=c, a.yaml=a, b.yaml=b")
			r := b.Read(b.settled())
			b.want("lost", r, "c.yaml=c, PR0109 policy")
			if !slices.Contains(r.Again.Paths, b.dir) || r.Again.After == 0 {
				t.Errorf("it is not looked for again: %+v", r.Again)
			}
			b.want("still lost", b.Read(Change{Retry: r.Again.Paths}), "c.yaml=c, PR0109 policy")
			b.want("at the start of another process", b.again(nil).Read(Change{}), "c.yaml=c, PR0109 policy")
			b.want("where it may be empty", b.again(func(o *Options) { o.AllowEmpty = []string{b.dir + "/"} }).Read(Change{}), "c.yaml=c")

			must(t, os.RemoveAll(b.dir))
			must(t, os.Mkdir(b.dir, 0o700))
			b.write("a.yaml", "again")
			b.want("back", b.Read(Change{Retry: r.Again.Paths}), "c.yaml=c, a.yaml=again")
		})
	}
}

// TestADeletedFileIsGone holds that one file of several counts as deleted at once.
func TestADeletedFileIsGone(t *testing.T) {
	b := lie(t, nil)
	b.Read(Change{})
	must(t, os.Remove(filepath.Join(b.dir, "a.yaml")))
	b.want("one of two", b.Read(Change{Settled: []string{filepath.Join(b.dir, "a.yaml")}}), "c.yaml=c, b.yaml=b")
}

// TestALostDirectoryOfSecrets holds the same for certificates.
func TestALostDirectoryOfSecrets(t *testing.T) {
	secrets := t.TempDir()
	must(t, os.Mkdir(filepath.Join(secrets, "web"), 0o700))
	put(t, filepath.Join(secrets, "web", "tls.crt"), "x")
	b := lie(t, func(o *Options) { o.SecretsDirs = []string{secrets} })
	b.Read(Change{})
	must(t, os.RemoveAll(filepath.Join(secrets, "web")))
	r := b.Read(Change{Settled: []string{filepath.Join(secrets, "web")}})
	if len(r.Lost) != 1 || r.Lost[0].Dir != secrets {
		t.Errorf("lost: %+v, want %s", r.Lost, secrets)
	}
}

// TestAMeshFileAloneIsNoPolicy holds that the mesh configuration does not keep a directory from
// being lost.
func TestAMeshFileAloneIsNoPolicy(t *testing.T) {
	b := lie(t, nil)
	b.write("mesh.yaml", "m")
	b.Reader = b.again(func(o *Options) { o.Files = []string{filepath.Join(b.dir, "mesh.yaml")} })
	b.want("before", b.Read(Change{}), "c.yaml=c, a.yaml=a, b.yaml=b, mesh.yaml=m")
	must(t, os.Remove(filepath.Join(b.dir, "a.yaml")))
	must(t, os.Remove(filepath.Join(b.dir, "b.yaml")))
	b.want("lost", b.Read(Change{Settled: []string{filepath.Join(b.dir, "a.yaml"), filepath.Join(b.dir, "b.yaml")}}), "c.yaml=c, mesh.yaml=m, PR0109 policy")
}

// TestLimits holds that what is beyond a limit, over all directories, is refused, and that what
// counted before goes on to count.
func TestLimits(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"one file":  {func(o *Options) { o.Limits.FileBytes = 1 }, "PR0108 a.yaml"},
		"all bytes": {func(o *Options) { o.Limits.Bytes = 3 }, "PR0108 c.yaml"},
		"the files": {func(o *Options) { o.Limits.Files = 3 }, "PR0108 c.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			b := lie(t, c.change)
			b.want("within", b.Read(Change{}), "c.yaml=c, a.yaml=a, b.yaml=b")
			b.write("a.yaml", "aa")
			b.write("aa.yaml", "")
			b.want("beyond", b.Read(Change{}), "c.yaml=c, a.yaml=a, b.yaml=b, "+c.want)
			b.want("at the start", b.again(c.change).Read(Change{}), c.want)
		})
	}
}

func TestDiagnosticsSayWhatToDo(t *testing.T) {
	b := lie(t, nil)
	must(t, os.RemoveAll(b.dir))
	r := b.Read(Change{})
	if d := r.Lost[0].Diagnostic; d.Severity != diag.Error || !strings.Contains(d.Hint, "--allow-empty "+b.dir) {
		t.Errorf("finding: %v", d)
	}
}
