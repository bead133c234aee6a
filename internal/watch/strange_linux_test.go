package watch

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/disk"
)

// waysToCome bring a file that stands outside to a path of the watched directory.
func waysToCome() map[string]func(t *testing.T, outside, dir string) (path string) {
	do := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	return map[string]func(t *testing.T, outside, dir string) string{
		"moved in": func(t *testing.T, outside, dir string) string {
			t.Helper()
			do(t, os.Rename(filepath.Join(outside, "x.yaml"), filepath.Join(dir, "x.yaml")))
			return filepath.Join(dir, "x.yaml")
		},
		"in a folder that is moved in": func(t *testing.T, outside, dir string) string {
			t.Helper()
			do(t, os.Rename(outside, filepath.Join(dir, "sub")))
			return filepath.Join(dir, "sub", "x.yaml")
		},
		"in a folder that a symlink is swapped to": func(t *testing.T, outside, dir string) string {
			t.Helper()
			do(t, os.Symlink(outside, filepath.Join(dir, ".new")))
			do(t, os.Rename(filepath.Join(dir, ".new"), filepath.Join(dir, "sub")))
			return filepath.Join(dir, "sub", "x.yaml")
		},
		"by a symlink that is renamed": func(t *testing.T, outside, dir string) string {
			t.Helper()
			do(t, os.Symlink(filepath.Join(outside, "x.yaml"), filepath.Join(dir, ".new")))
			do(t, os.Rename(filepath.Join(dir, ".new"), filepath.Join(dir, "x.yaml")))
			return filepath.Join(dir, "x.yaml")
		},
		"by a symlink": func(t *testing.T, outside, dir string) string {
			t.Helper()
			do(t, os.Symlink(filepath.Join(outside, "x.yaml"), filepath.Join(dir, "x.yaml")))
			return filepath.Join(dir, "x.yaml")
		},
		"by a hard link": func(t *testing.T, outside, dir string) string {
			t.Helper()
			do(t, os.Link(filepath.Join(outside, "x.yaml"), filepath.Join(dir, "x.yaml")))
			return filepath.Join(dir, "x.yaml")
		},
	}
}

// TestAFileThatWasWrittenOutOfSight counts as being written where nobody can be asked for its
// writer, also when somebody closes it who need not be the one, and when it is renamed.
func TestAFileThatWasWrittenOutOfSight(t *testing.T) {
	for name, come := range waysToCome() {
		t.Run(name, func(t *testing.T) {
			file, w := still(t)
			w.ask = func(path string) (disk.Content, error) {
				info, err := os.Stat(path)
				return disk.Content{Info: info}, err
			}
			start(t, w)
			dir, outside := filepath.Dir(file), filepath.Join(t.TempDir(), "outside")
			if err := os.Mkdir(outside, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(outside, "x.yaml"), []byte("half"), 0o600); err != nil {
				t.Fatal(err)
			}
			path := come(t, outside, dir)
			sees(t, w, filepath.Join(dir, "b.yaml"), path)
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
			if err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			sees(t, w, filepath.Join(dir, "c.yaml"), path)
			if name == "moved in" {
				to := filepath.Join(dir, "y.yaml")
				if err := os.Rename(path, to); err != nil {
					t.Fatal(err)
				}
				sees(t, w, filepath.Join(dir, "d.yaml"), to)
			}
		})
	}
}

// sees writes another file, waits until it is told, and holds that a writer is known then.
func sees(t *testing.T, w *Watcher, other, want string) {
	t.Helper()
	if err := os.WriteFile(other, []byte(time.Now().String()), 0o600); err != nil {
		t.Fatal(err)
	}
	told(t, w, other)
	if got := w.Writing(); !slices.Equal(got, []string{want}) {
		t.Errorf("after %s: being written %v, want %s", filepath.Base(other), got, want)
	}
}
