package disk_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/disk"
)

func TestReadIsBounded(t *testing.T) {
	d := disk.New(disk.Options{})
	file := filepath.Join(t.TempDir(), "a")
	for name, c := range map[string]struct {
		size, limit int64
		large       bool
	}{
		"empty":            {0, 10, false},
		"one below":        {9, 10, false},
		"as large as read": {10, 10, false},
		"one more":         {11, 10, true},
		"several chunks":   {3<<20 + 7, 8 << 20, false},
		"far too large":    {3 << 20, 1 << 20, true},
	} {
		t.Run(name, func(t *testing.T) {
			want := bytes.Repeat([]byte("x"), int(c.size))
			must(t, os.WriteFile(file, want, 0o600))
			got, err := d.Read(file, c.limit)
			if c.large != errors.Is(err, disk.ErrTooLarge) || !c.large && (err != nil || !bytes.Equal(got.Bytes, want) || got.Info.Size() != c.size) {
				t.Errorf("%d bytes, %v", len(got.Bytes), err)
			}
		})
	}
}

// TestAFileOfNoSizeIsBounded reads one that the system makes up while it is read.
func TestAFileOfNoSizeIsBounded(t *testing.T) {
	const file = "/proc/self/mountinfo"
	if _, err := os.Stat(file); err != nil {
		t.Skipf("no %s on this system", file)
	}
	d := disk.New(disk.Options{})
	if got, err := d.Read(file, 1<<20); err != nil || len(got.Bytes) == 0 {
		t.Errorf("%d bytes, %v", len(got.Bytes), err)
	}
	if _, err := d.Read(file, 8); !errors.Is(err, disk.ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
}

func TestADirectoryIsNoFile(t *testing.T) {
	_, err := disk.New(disk.Options{}).Read(t.TempDir(), 10)
	if !errors.Is(err, disk.ErrNotRegular) || !strings.Contains(err.Error(), "it is a directory") {
		t.Errorf("got %v", err)
	}
}
