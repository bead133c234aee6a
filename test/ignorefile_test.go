package test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/ignore"
)

// TestAnIgnoreFileIsWatched holds that an edit of a .portreeveignore alone is an edit: what it takes
// away is a removal that is logged with the deciding line, what is no pattern changes nothing, and
// what it gives back counts again. --exclude and a ConfigMap's swap of symlinks do the same.
func TestAnIgnoreFileIsWatched(t *testing.T) {
	dir := newPolicyDir(t, map[string]string{
		"one.yaml": answers("one", `hosts: [one.test]`), "two.yaml": answers("two", `hosts: [two.test]`), "values.yaml": "replicas: 1\n",
	})
	p := startPlane(t, dir, "--exclude", "values.yaml")
	written := func(generation, of string) {
		t.Helper()
		eventually(t, generation+" "+of, func() bool {
			return slices.ContainsFunc(strings.Split(p.log.String(), "\n"), func(line string) bool {
				return strings.Contains(line, " generation="+generation+" ") && strings.Contains(line, of)
			})
		})
	}
	written("1", "added=2")
	write(t, filepath.Join(dir, ignore.File), "# later\ntwo.*\n")
	written("2", "removed=1")
	if log, want := p.log.String(), `VirtualService default/two, left out by `+filepath.Join(dir, ignore.File)+":2"; !strings.Contains(log, want) {
		t.Errorf("the log does not have %q:\n%s", want, log)
	}
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"status", "--admin-address", p.admin}, &out, &errs); code != exitClean || !strings.Contains(out.String(), "left out by "+filepath.Join(dir, ignore.File)+":2") {
		t.Errorf("exit %d: %s%s", code, &out, &errs)
	}
	replace(t, filepath.Join(dir, ignore.File), "*.yaml\n[\n")
	written("3", "PR0111")
	if log := p.log.String(); !strings.Contains(log, ignore.File+":2:1: error PR0111") {
		t.Errorf("the log is\n%s", log)
	}
	must(t, os.Remove(filepath.Join(dir, ignore.File)))
	written("4", "added=1")

	// A ConfigMap.
	must(t, os.Mkdir(filepath.Join(dir, "..1"), 0o700))
	write(t, filepath.Join(dir, "..1", ignore.File), "one.yaml\n")
	must(t, os.Symlink("..1", filepath.Join(dir, "..data")))
	must(t, os.Symlink("..data/"+ignore.File, filepath.Join(dir, ignore.File)))
	written("5", "removed=1")
	must(t, os.Mkdir(filepath.Join(dir, "..2"), 0o700))
	write(t, filepath.Join(dir, "..2", ignore.File), "two.yaml\n")
	must(t, os.Symlink("..2", filepath.Join(dir, "..new")))
	must(t, os.Rename(filepath.Join(dir, "..new"), filepath.Join(dir, "..data")))
	written("6", "added=1 changed=0 removed=1")
	write(t, filepath.Join(dir, "..2", ignore.File), "*.yaml\n")
	written("7", "PR0109")
}

// TestARemovalDuringAStopIsTold holds that a removal is told with its line also where the rules were
// written while no control plane ran.
func TestARemovalDuringAStopIsTold(t *testing.T) {
	dir := newPolicyDir(t, map[string]string{"one.yaml": answers("one", `hosts: [one.test]`), "two.yaml": answers("two", `hosts: [two.test]`)})
	kept := []string{"--state-dir", t.TempDir()}
	p := startPlane(t, dir, kept...)
	eventually(t, "it is read", func() bool { return strings.Contains(p.log.String(), "added=2") })
	p.stop()
	write(t, filepath.Join(dir, ignore.File), "two.yaml\n")
	p = startPlane(t, dir, kept...)
	want := "VirtualService default/two, left out by " + filepath.Join(dir, ignore.File) + ":1"
	eventually(t, "the removal is told", func() bool { return strings.Contains(p.log.String(), want) })
}
