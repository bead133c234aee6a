package disk_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/portreeve/portreeve/internal/disk"
)

// TestMount holds that a directory and the one above are on one mount, and /proc is on another.
func TestMount(t *testing.T) {
	d := disk.New(disk.Options{Timeout: bound})
	dir := t.TempDir()
	below := filepath.Join(dir, "below")
	must(t, os.Mkdir(below, 0o700))
	number := func(path string) uint64 {
		t.Helper()
		n, known, err := d.Mount(path)
		must(t, err)
		if !known {
			t.Skip("this kernel does not tell mounts")
		}
		return n
	}
	if number(dir) != number(below) || number(dir) == number("/proc") {
		t.Errorf("mounts: %d, %d below, %d of /proc", number(dir), number(below), number("/proc"))
	}
	if _, _, err := d.Mount(filepath.Join(dir, "missing")); !os.IsNotExist(err) {
		t.Errorf("of a missing file: %v", err)
	}
}
