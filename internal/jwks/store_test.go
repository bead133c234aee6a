package jwks

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portreeve/portreeve/translate/model"
)

const someKeys = `{"keys":[{"kty":"oct","k":"c2VjcmV0"},{"kty":"EC","crv":"P-256","kid":"a","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`

// TestABrokenEntryIsSetAside holds that nothing which can be in place of kept keys keeps the
// program from starting or is taken for keys, and that the others are read.
func TestABrokenEntryIsSetAside(t *testing.T) {
	good, bad := model.KeySource{URI: "https://good.example/keys"}, model.KeySource{URI: "https://bad.example/keys"}
	put := func(text string) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	edited := func(edit func(string) string) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			put(edit(string(text)))(t, path)
		}
	}
	renamed := func(old, with string) func(t *testing.T, path string) {
		return edited(func(text string) string { return strings.Replace(text, old, with, 1) })
	}
	for name, spoil := range map[string]func(t *testing.T, path string){
		"empty": put(""), "garbage": put("\x7fELF"), "a list": put("[]"), "an object": put("{}"), "null": put("null"),
		"cut": edited(func(text string) string { return text[:len(text)/2] }), "NULs behind it": edited(func(text string) string { return text + "\x00\x00" }),
		"a renamed source": renamed(`"source"`, `"origin"`), "renamed keys": renamed(`"keys"`, `"jwks"`), "another source": renamed("bad.example", "other.example"),
		"a set that is none": renamed("P-256", "P-257"),
		"a directory": func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		},
		"a pipe": func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Mkfifo(path, 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"more than keys can be": put(strings.Repeat(" ", maxEntry+1)),
	} {
		t.Run(name, func(t *testing.T) {
			o := Options{StateDir: t.TempDir()}.completed()
			s, err := openStore(o.StateDir, o.Logger)
			if err != nil {
				t.Fatal(err)
			}
			for _, source := range []model.KeySource{good, bad} {
				if err := s.put(source, &saved{Source: source, Keys: keySet{content: content{Set: someKeys}, URI: source.URI}}); err != nil {
					t.Fatal(err)
				}
			}
			if n := len(s.load(time.Now())); n != 2 {
				t.Fatalf("%d entries are read of 2 that are good", n)
			}
			spoil(t, s.path(bad))
			_, entries, err := recall(o)
			if err != nil || len(entries) != 1 || entries[0].Source != good {
				t.Errorf("read %+v, %v; want the good one", entries, err)
			}
			if aside, err := filepath.Glob(s.path(bad) + ".broken-*"); err != nil || len(aside) != 1 {
				t.Errorf("set aside: %v, %v", aside, err)
			}
		})
	}
}

// TestTheEndDoesNotWaitForTheDisk holds that a write that hangs holds up the end for a bounded time.
func TestTheEndDoesNotWaitForTheDisk(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, err := openStore(dir, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		hung := make(chan struct{})
		s.replace = func(string, []byte) error { <-hung; return nil }
		source := model.KeySource{URI: "https://a.example/keys"}
		f, err := New(Options{})
		if err != nil {
			t.Fatal(err)
		}
		f.store = s
		f.takeOver([]saved{{Source: source, Keys: keySet{content: content{Set: someKeys}, URI: source.URI}}})
		f.mark(source)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan time.Time, 1)
		go func() {
			f.run(ctx)
			ended <- time.Now()
		}()
		synctest.Wait() // the keeper hangs in the write
		begin := time.Now()
		cancel()
		if took := (<-ended).Sub(begin); took != lastWrite {
			t.Errorf("the end took %v, want %v", took, lastWrite)
		}
		close(hung)
	})
}
