package source_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-multierror"

	"github.com/portreeve/portreeve/translate/source"
)

// link is the content of a tree's entry that is a symlink.
func link(target string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte(target), Mode: fs.ModeSymlink | 0o777}
}

func text(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s), Mode: 0o644} }

// trees are read both from memory and from a disk, which tell a file's identity differently.
func trees() map[string]struct {
	tree fstest.MapFS
	want []string
	fail []string
} {
	return map[string]struct {
		tree fstest.MapFS
		want []string // path=content
		fail []string // paths of the errors
	}{
		"names that count, in order": {
			tree: fstest.MapFS{
				"b.yaml": text("b"), "a.yml": text("a"), "c.json": text("c"), "sub/deep/d.yaml": text("d"),
				"README.md": text("x"), "notes": text("x"), ".hidden.yaml": text("x"), ".git/x.yaml": text("x"), "a.yaml~": text("x"),
				"#a.yaml#": text("x"), "a.yaml.bak": text("x"), ".a.yaml.swp": text("x"), "a.yaml.tmp": text("x"), "a.yaml.orig": text("x"), "a.yaml.rej": text("x"),
				"A.YAML": text("x"),
			},
			want: []string{"A.YAML=x", "a.yml=a", "b.yaml=b", "c.json=c", "sub/deep/d.yaml=d"},
		},
		"a directory with a file's name": {
			tree: fstest.MapFS{"x.yaml/y.yaml": text("y")},
			want: []string{"x.yaml/y.yaml=y"},
		},
		"a directory in the place of a file": {
			tree: fstest.MapFS{"x.yaml/README.md": text("y"), "a.yaml": text("a")},
			want: []string{"a.yaml=a"},
			fail: []string{"x.yaml"},
		},
		"a ConfigMap": {
			tree: fstest.MapFS{
				"..2026_01_31/a.yaml": text("a"), "..2026_01_31/b.yaml": text("b"),
				"..data": link("..2026_01_31"), "a.yaml": link("..data/a.yaml"), "b.yaml": link("..data/b.yaml"),
			},
			want: []string{"a.yaml=a", "b.yaml=b"},
		},
		"a link beside its file": {
			tree: fstest.MapFS{"m.yaml": text("m"), "a.yaml": link("m.yaml"), "z/a.yaml": link("../m.yaml")},
			want: []string{"m.yaml=m"},
		},
		"two links to one hidden file": {
			tree: fstest.MapFS{".store/m.yaml": text("m"), "a.yaml": link(".store/m.yaml"), "b.yaml": link(".store/m.yaml")},
			want: []string{"a.yaml=m"},
		},
		"equal content is not the same file": {
			tree: fstest.MapFS{"a.yaml": text("m"), "b.yaml": text("m")},
			want: []string{"a.yaml=m", "b.yaml=m"},
		},
		"a linked directory": {
			tree: fstest.MapFS{".releases/2/sub/a.yaml": text("a"), "current": link(".releases/2")},
			want: []string{"current/sub/a.yaml=a"},
		},
		"a linked directory that is there itself": {
			tree: fstest.MapFS{"team/a.yaml": text("a"), "also": link("team")},
			want: []string{"team/a.yaml=a"},
		},
		"a circle": {
			tree: fstest.MapFS{"a.yaml": text("a"), "sub/up": link(".."), "sub/self": link("."), "sub/b.yaml": text("b")},
			want: []string{"a.yaml=a", "sub/b.yaml=b"},
		},
		"links that lead nowhere": {
			tree: fstest.MapFS{"a.yaml": text("a"), "gone.yaml": link("missing.yaml"), "team": link("missing"), "example.com": link("missing"), "notes.md": link("missing.md"), ".#a.yaml": link("user@host"), "old~": link("missing")},
			want: []string{"a.yaml=a"},
			fail: []string{"example.com", "gone.yaml", "team"},
		},
		"nothing": {tree: fstest.MapFS{"README.md": text("x")}},
	}
}

func TestRead(t *testing.T) {
	for name, c := range trees() {
		t.Run(name, func(t *testing.T) {
			for kind, fsys := range map[string]fs.FS{"memory": c.tree, "disk": onDisk(t, c.tree)} {
				files, err := source.Read(fsys)
				var got []string
				for _, f := range files {
					got = append(got, f.Path+"="+string(f.Content))
				}
				if d := cmp.Diff(c.want, got); d != "" {
					t.Errorf("%s (-want +got):\n%s", kind, d)
				}
				if d := cmp.Diff(c.fail, failed(t, err)); d != "" {
					t.Errorf("%s: errors (-want +got):\n%s\n%v", kind, d, err)
				}
			}
		})
	}
}

// failed returns the paths of the collected errors.
func failed(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	var several *multierror.Error
	if !errors.As(err, &several) {
		t.Fatalf("not collected: %v", err)
	}
	var out []string
	for _, e := range several.Errors {
		var at *fs.PathError
		if !errors.As(e, &at) {
			t.Fatalf("without a path: %v", e)
		}
		out = append(out, at.Path)
	}
	return out
}

func onDisk(t *testing.T, tree fstest.MapFS) fs.FS {
	t.Helper()
	dir := t.TempDir()
	for name, f := range tree {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if f.Mode&fs.ModeSymlink != 0 {
			err = os.Symlink(string(f.Data), path)
		} else {
			err = os.WriteFile(path, f.Data, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return os.DirFS(dir)
}

func TestReadOutOfTheTree(t *testing.T) {
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "a.yaml"), []byte("a"), 0o644); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, target := range map[string]string{"team": outside, "z.yaml": filepath.Join(outside, "a.yaml"), "self": dir} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	files, err := source.Read(os.DirFS(dir))
	if err != nil || len(files) != 1 || files[0].Path != "team/a.yaml" {
		t.Errorf("got %v, %v; want team/a.yaml once", files, err)
	}
}

// vanishing is a tree in which a file is listed but cannot be opened any more.
type vanishing struct {
	fstest.MapFS
	name string
	err  error
}

func (v vanishing) Open(name string) (fs.File, error) {
	if name == v.name {
		return nil, &fs.PathError{Op: "open", Path: name, Err: v.err}
	}
	return v.MapFS.Open(name)
}

func (v vanishing) ReadFile(name string) ([]byte, error) {
	if name == v.name {
		return nil, &fs.PathError{Op: "open", Path: name, Err: v.err}
	}
	return v.MapFS.ReadFile(name)
}

func (v vanishing) ReadDir(name string) ([]fs.DirEntry, error) {
	if name == v.name {
		return nil, &fs.PathError{Op: "open", Path: name, Err: v.err}
	}
	return v.MapFS.ReadDir(name)
}

func TestReadReportsAllThatItCannotRead(t *testing.T) {
	tree := fstest.MapFS{"a.yaml": text("a"), "b.yaml": text("b"), "README.md": text("x"), "dir/c.yaml": text("c")}
	for name, c := range map[string]struct {
		unreadable string
		err        error
		want       []string
	}{
		"a file that vanished":           {"a.yaml", fs.ErrNotExist, []string{"a.yaml"}},
		"a file without a permission":    {"b.yaml", fs.ErrPermission, []string{"b.yaml"}},
		"a directory without one":        {"dir", fs.ErrPermission, []string{"dir"}},
		"a file that does not count":     {"README.md", fs.ErrPermission, nil},
		"the tree itself is not there":   {".", fs.ErrNotExist, []string{"."}},
		"a file in a folder of the kind": {"dir/c.yaml", fs.ErrNotExist, []string{"dir/c.yaml"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := source.Read(vanishing{tree, c.unreadable, c.err})
			if d := cmp.Diff(c.want, failed(t, err)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			if c.want != nil && !errors.Is(err, c.err) {
				t.Errorf("%v does not wrap %v", err, c.err)
			}
		})
	}
}

func TestReadDoesNotWaitForAPipe(t *testing.T) {
	tree := fstest.MapFS{"a.yaml": &fstest.MapFile{Mode: fs.ModeNamedPipe | 0o644}}
	_, err := source.Read(tree)
	if d := cmp.Diff([]string{"a.yaml"}, failed(t, err)); d != "" {
		t.Error(d)
	}
}

func TestReadStopsAtADepth(t *testing.T) {
	tree := fstest.MapFS{strings.Repeat("d/", 40) + "a.yaml": text("a")}
	files, err := source.Read(tree)
	if err == nil || len(files) > 0 {
		t.Errorf("got %v, %v; a policy that is too deep must be an error", files, err)
	}
}

func TestRelevant(t *testing.T) {
	for name, want := range map[string]bool{
		"a.yaml": true, "a.yml": true, "a.json": true, "a.b.yaml": true, "dir/a.yaml": true, "../a.yaml": true, "./a.yaml": true,
		"a.yaml~": false, "a.yaml.bak": false, ".a.yaml": false, "dir/.x/a.yaml": false, "..data/a.yaml": false, "#a.yaml#": false, "#a.yaml": false,
		"a.txt": false, "yaml": false, ".yaml": false, "": false, "a.bak": false,
	} {
		if got := source.Relevant(name); got != want {
			t.Errorf("Relevant(%q) = %v", name, got)
		}
	}
}

// TestLimits holds that what is beyond a limit is an error and not an omission, and that the
// first such file ends the reading.
func TestLimits(t *testing.T) {
	tree := fstest.MapFS{"a.yaml": text("aaaa"), "b.yaml": text("bbbb"), "c.yaml": text("cccc"), "d/tls.crt": text("dddd"), "d/tls.key": text("eeee")}
	for name, c := range map[string]struct {
		limits        source.Limits
		files, fail   []string
		secrets, lack []string
	}{
		"one file":  {source.Limits{FileBytes: 3}, nil, []string{"a.yaml", "b.yaml", "c.yaml"}, nil, []string{"d/tls.crt", "d/tls.key"}},
		"all bytes": {source.Limits{Bytes: 7}, []string{"a.yaml"}, []string{"b.yaml"}, []string{"d/tls.crt"}, []string{"d/tls.key"}},
		"the files": {source.Limits{Files: 1}, []string{"a.yaml"}, []string{"b.yaml"}, []string{"d/tls.crt"}, []string{"d/tls.key"}},
		"none":      {source.Limits{}, []string{"a.yaml", "b.yaml", "c.yaml"}, nil, []string{"d/tls.crt", "d/tls.key"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			files, err := source.ReadWith(tree, source.Options{Limits: c.limits})
			within(t, files, err, c.files, c.fail)
			files, err = source.ReadSecretsWith(tree, source.Options{Limits: c.limits})
			within(t, files, err, c.secrets, c.lack)
		})
	}
}

func within(t *testing.T, files []source.File, err error, want, fail []string) {
	t.Helper()
	var got, failed []string
	for _, f := range files {
		got = append(got, f.Path)
	}
	if several, ok := errors.AsType[*multierror.Error](err); ok {
		for _, e := range several.Errors {
			at, _ := errors.AsType[*fs.PathError](e)
			failed = append(failed, at.Path)
			if !errors.Is(e, source.ErrTooMuch) {
				t.Errorf("%v does not say that it is too much", e)
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(fail, failed); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}
