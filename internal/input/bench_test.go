package input_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/disk"
	"github.com/portreeve/portreeve/internal/input"
)

// BenchmarkEdit measures a reading after one file of many was renamed into place.
func BenchmarkEdit(b *testing.B) {
	for _, n := range []int{1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			dir := b.TempDir()
			for i := range n {
				file(b, dir, i, "a")
			}
			r := input.New(input.Options{
				Dirs: []string{dir}, Disk: disk.New(disk.Options{Timeout: 10 * time.Second}), Logger: slog.New(slog.DiscardHandler),
				Now: func() time.Time { return time.Now().Add(time.Hour) }, Quiet: 50 * time.Millisecond, RemoteQuiet: 10 * time.Second,
			})
			r.Read(input.Change{})
			for i := 0; b.Loop(); i++ {
				path := file(b, dir, i%n, "b")
				r.Read(input.Change{Complete: []string{path}, Settled: []string{path}, At: time.Now()})
			}
		})
	}
}

// file renames the nth file into place.
func file(b *testing.B, dir string, n int, content string) string {
	b.Helper()
	path := filepath.Join(dir, fmt.Sprintf("%05d.yaml", n))
	if err := os.WriteFile(path+"~", []byte(content), 0o600); err != nil {
		b.Fatal(err)
	}
	if err := os.Rename(path+"~", path); err != nil {
		b.Fatal(err)
	}
	return path
}

// BenchmarkStart measures the first reading of many files.
func BenchmarkStart(b *testing.B) {
	dir := b.TempDir()
	for i := range 10000 {
		file(b, dir, i, "a")
	}
	for b.Loop() {
		r := input.New(input.Options{
			Dirs: []string{dir}, Disk: disk.New(disk.Options{Timeout: 10 * time.Second}), Logger: slog.New(slog.DiscardHandler),
			Now: func() time.Time { return time.Now().Add(time.Hour) }, Quiet: 50 * time.Millisecond, RemoteQuiet: 10 * time.Second,
		})
		r.Unsettled()
		r.Read(input.Change{})
	}
}
