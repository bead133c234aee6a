package who

import (
	"bytes"
	"compress/zlib"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/portreeve/portreeve/internal/disk"
)

// TestADiskThatHangsTakesNothingFromOthers holds for a directory that hangs, and for a git that does.
func TestADiskThatHangsTakesNothingFromOthers(t *testing.T) {
	good, hung := t.TempDir(), t.TempDir()
	for _, dir := range []string{good, hung} {
		if err := os.WriteFile(filepath.Join(dir, "a.yaml"), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w := New(Options{})
	w.disk = disk.New(disk.Options{Timeout: 50 * time.Millisecond})
	release, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		_ = w.disk.Do(hung, func() error { <-release; return nil })
	}()
	<-done // it is given up, and still hangs
	defer func() {
		close(release)
		for len(w.disk.Stuck()) > 0 {
			_, _ = w.disk.Stat(good)
		}
	}()
	got := w.Of(t.Context(), []File{{Path: filepath.Join(hung, "a.yaml")}, {Path: filepath.Join(good, "a.yaml")}})
	if len(got) != 1 || got[0].File != filepath.Join(good, "a.yaml") || got[0].Owner == "" {
		t.Errorf("got %+v, want the owner of the file on the disk that answers", got)
	}
}

// TestADifferenceToItselfIsGivenUp holds by a bound of its own, before the time is over.
func TestADifferenceToItselfIsGivenUp(t *testing.T) {
	var looped, content bytes.Buffer
	w := zlib.NewWriter(&content)
	if _, err := w.Write([]byte{0, 0}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	self := bytes.Repeat([]byte{0x12}, hashSize)
	looped.Write([]byte{7<<4 | 2}) // a difference to a named object, of two bytes
	looped.Write(self)
	looped.Write(content.Bytes())
	index := append(make([]byte, 0x12*4), bytes.Repeat([]byte{0, 0, 0, 1}, 256-0x12)...)
	index = append(append([]byte{0xff, 't', 'O', 'c', 0, 0, 0, 2}, index...), self...)
	index = append(index, make([]byte, 8)...) // its CRC, and where it begins
	name := filepath.Join(t.TempDir(), "pack-x")
	for ending, content := range map[string][]byte{".idx": index, ".pack": looped.Bytes()} {
		if err := os.WriteFile(name+ending, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p, err := openPack(name)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	offset, ok := p.find(plumbing.Hash(self))
	if _, _, err := p.object(ctx, offset); !ok || !errors.Is(err, errTooLarge) {
		t.Errorf("found %v, %v, want errTooLarge", ok, err)
	}
}
