package disk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestInfos holds that of the entries of a directory the regular files are told, as each by itself
// would be, and nothing that a link or a directory of that name leads to.
func TestInfos(t *testing.T) {
	dir, d := t.TempDir(), New(Options{})
	path := filepath.Join(dir, "a.yaml")
	if err := os.WriteFile(path, []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path, filepath.Join(dir, "link.yaml")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	entries, err := d.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	got, err := d.Infos(dir, entries)
	if err != nil {
		t.Fatal(err)
	}
	want, err := d.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || !os.SameFile(got["a.yaml"], want) || got["a.yaml"].Size() != 3 {
		t.Errorf("told %v, want a.yaml alone", got)
	}
}

// TestALargeDirectoryIsReadInPieces holds that a directory is read whole, and in order, however many calls that takes.
func TestALargeDirectoryIsReadInPieces(t *testing.T) {
	dir := t.TempDir()
	want := 2*namesAtOnce + 7
	for i := range want {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%06d", i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := New(Options{}).ReadDir(dir)
	if err != nil || len(got) != want {
		t.Fatalf("%d of %d names: %v", len(got), want, err)
	}
	for i, e := range got {
		if e.Name() != fmt.Sprintf("%06d", i) {
			t.Fatalf("name %d is %s", i, e.Name())
		}
	}
	if _, err := New(Options{}).readDir(dir, want-1); !errors.Is(err, ErrTooLarge) {
		t.Errorf("beyond the bound: %v", err)
	}
}
