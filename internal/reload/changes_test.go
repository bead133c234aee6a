package reload_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/translate"
)

// lineOf returns the last line of the log with a message.
func (f *fixture) lineOf(message string) string {
	out := ""
	for line := range strings.Lines(f.log.String()) {
		if strings.Contains(line, message) {
			out = line
		}
	}
	return out
}

// counts are what the status says of the latest generation.
func counts(c translate.Changes) [4]int {
	return [4]int{c.Added.Total, c.Changed.Total, c.Removed.Total, c.Unread.Total}
}

// TestEveryGenerationTellsWhatItChanged holds for the log and the status, over a file that
// cannot be read in between and a restart.
func TestEveryGenerationTellsWhatItChanged(t *testing.T) {
	f := newFixture(t, map[string]string{"a.yaml": policy("a", "/a"), "b.yaml": policy("b", "/b")})
	check := func(want [4]int, message string, parts ...string) {
		t.Helper()
		if got := counts(f.Status().Changes); got != want {
			t.Errorf("status: added, changed, removed, unread %v, want %v", got, want)
		}
		for _, part := range parts {
			if line := f.lineOf(message); !strings.Contains(line, part) {
				t.Errorf("the log lacks %q: %s", part, line)
			}
		}
	}
	removed := "objects are not written any more"
	f.start()
	f.Join(group())
	check([4]int{3, 0, 0, 0}, "policy compiled", "added=3 changed=0 removed=0 unread=0")
	if strings.Contains(f.lineOf("policy compiled"), "objects=") {
		t.Errorf("the first generation names objects: %s", f.lineOf("policy compiled"))
	}

	write(t, f.dir, "a.yaml", policy("a", "/other"))
	write(t, f.dir, "c.yaml", policy("c", "/c"))
	must(t, os.Remove(filepath.Join(f.dir, "b.yaml")))
	f.read()
	check([4]int{1, 1, 1, 0}, "policy compiled", "added=1 changed=1 removed=1 unread=0", "c.yaml:3:18: AuthorizationPolicy istio-system/c", "a.yaml:3:18: AuthorizationPolicy istio-system/a")
	check([4]int{1, 1, 1, 0}, removed, "level=WARN", "generation=2", "count=1", "b.yaml:3:18: AuthorizationPolicy istio-system/b")

	write(t, f.dir, "c.yaml", "kind: [")
	f.read()
	check([4]int{0, 0, 0, 1}, "policy refused", "unread=1")
	must(t, os.Remove(filepath.Join(f.dir, "c.yaml")))
	f.read()
	check([4]int{0, 0, 1, 0}, removed, "generation=4", "c.yaml:3:18: AuthorizationPolicy istio-system/c")
	if n := strings.Count(f.log.String(), removed); n != 2 {
		t.Errorf("%d warnings of what went, want one for each generation that took something:\n%s", n, f.log)
	}

	// What goes while it is down is told too; what is as it was is not.
	write(t, f.dir, "d.yaml", policy("d", "/d"))
	f.read()
	must(t, os.Remove(filepath.Join(f.dir, "a.yaml")))
	f.start()
	check([4]int{0, 0, 1, 0}, removed, "a.yaml:3:18: AuthorizationPolicy istio-system/a")
	f.start()
	check([4]int{0, 0, 0, 0}, "policy compiled", "added=0 changed=0 removed=0")
}
