package reload_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/input"
)

// TestWhatNoEventNamedIsReadWhenItIsFound holds that an event about one file does not hide what happened to
// another, whose event may have been lost: it is read when the watcher has looked through the directories.
func TestWhatNoEventNamedIsReadWhenItIsFound(t *testing.T) {
	for name, happen := range map[string]func(t *testing.T, path string){
		"written, with the size and the time of before": func(t *testing.T, path string) {
			info, err := os.Stat(path)
			must(t, err)
			must(t, os.WriteFile(path, []byte(policy("b", "/c")), 0o600))
			must(t, os.Chtimes(path, info.ModTime(), info.ModTime()))
		},
		"replaced": func(t *testing.T, path string) {
			must(t, os.WriteFile(path+".new", []byte(policy("b", "/c")), 0o600))
			must(t, os.Rename(path+".new", path))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "gateway.yaml", listener)
			write(t, dir, "a.yaml", policy("a", "/a"))
			write(t, dir, "b.yaml", policy("b", "/b"))
			named := input.Change{Settled: []string{filepath.Join(dir, "a.yaml")}}
			r, _ := newReloader(t, nil, dir)
			must(t, r.Reload(t.Context(), input.Change{}))
			before := r.Status().Latest.Hash
			must(t, r.Reload(t.Context(), named))
			if got := r.Status().Latest.Hash; got != before {
				t.Fatal("without a change there is another generation")
			}
			<-time.NewTimer(50 * time.Millisecond).C // more than a tick of the file system's clock
			happen(t, filepath.Join(dir, "b.yaml"))
			must(t, r.Reload(t.Context(), named))
			must(t, r.Reload(t.Context(), input.Change{Settled: []string{filepath.Join(dir, "b.yaml")}}))
			fresh, _ := newReloader(t, nil, dir)
			must(t, fresh.Reload(t.Context(), input.Change{}))
			if got, want := r.Status().Latest.Hash, fresh.Status().Latest.Hash; got != want || got == before {
				t.Errorf("generation %s, want %s, after %s", got, want, before)
			}
		})
	}
}
