package main

import (
	"bytes"
	"os"
	"path/filepath"
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
			log := p.log.String()
			at := strings.LastIndex(log, " generation="+generation+" ")
			return at >= 0 && strings.Contains(log[at:], of)
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

// repositories are whole ones, as people have them beside their policy.
func repositories() map[string]map[string]string {
	policy := answers("one", `hosts: [one.test]`)
	return map[string]map[string]string{
		"a chart": {
			"Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\n", "values.yaml": "image: {tag: v1}\nreplicas: 2\n", "values.schema.json": `{"type": "object"}`,
			"templates/gateway.yaml": "{{- if .Values.gateway }}\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata:\n  name: {{ .Release.Name }}\n{{- end }}\n", "policy/one.yaml": policy,
		},
		"kustomize": {
			"base/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [one.yaml]\n", "base/one.yaml": policy,
			"overlays/prod/kustomization.yaml": "resources: [../../base]\npatches: [{path: patch.yaml}]\n", "overlays/prod/patch.yaml": strings.Replace(policy, "one.test", "prod.test", 1),
		},
		"compose": {
			"docker-compose.yml": "x-common: &common {restart: always}\nservices: {a: {<<: *common, image: \"a:1\"}}\n", ".github/workflows/ci.yml": "on: [push]\njobs: {}\n",
			"package.json": `{"name": "shop"}`, "renovate.json": `{"extends": []}`, "mkdocs.yml": "site_name: a\n", "policy/one.yaml": policy,
			"openapi.yaml": "openapi: 3.0.0\ninfo: {title: a}\npaths: {}\n", "inventory.yaml": "- hosts: all\n",
		},
	}
}

// TestWholeRepositories holds that a whole repository is checked as it is: strictly every file of it
// is an error that is not policy; with --lenient what is no manifest is left out with a note;
// and templates and patches, which look like manifests, by patterns.
func TestWholeRepositories(t *testing.T) {
	for name, c := range map[string]struct {
		lenient int    // exit code
		left    int    // files that are left out with a note
		ignored string // what a .portreeveignore has to say beside
	}{
		"a chart":   {exitFindings, 3, "templates/\n"},
		"kustomize": {exitFindings, 1, "overlays/\n"},
		"compose":   {exitClean, 6, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for path, text := range repositories()[name] {
				must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, path)), 0o700))
				write(t, filepath.Join(dir, path), text)
			}
			check := func(what string, want, notes int, args ...string) {
				t.Helper()
				var out, errs bytes.Buffer
				code := run(t.Context(), append([]string{"validate", dir}, args...), &out, &errs)
				if got := strings.Count(errs.String(), "note: "); code != want || got != notes {
					t.Errorf("%s: exit %d, %d notes, want %d and %d:\n%s%s", what, code, got, want, notes, &out, &errs)
				}
			}
			check("strictly", exitFindings, 0)
			check("leniently", c.lenient, c.left, "--lenient")
			if pattern := strings.TrimSpace(c.ignored); pattern != "" {
				left := map[string]int{"a chart": 3, "kustomize": 0}[name]
				check("with a pattern", exitClean, left, "--lenient", "--exclude", pattern)
				write(t, filepath.Join(dir, ignore.File), c.ignored)
				check("with the file", exitClean, left, "--lenient")
			}
			write(t, filepath.Join(dir, ignore.File), "*\n!policy/\n!base/\n!one.yaml\n")
			check("by the file alone", exitClean, 0)
			write(t, filepath.Join(dir, ignore.File), "*\n[\n")
			check("with what is no pattern", exitFindings, 0)
		})
	}
}

// TestFilesThatAreNamedCount holds that what is named on the command line is checked, whatever is
// left out elsewhere, and that a pattern which is none is a mistake of usage.
func TestFilesThatAreNamedCount(t *testing.T) {
	dir := newPolicyDir(t, map[string]string{"values.yaml": "a: 1\n", ignore.File: "values.yaml\n"})
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"validate", "--lenient", "--exclude", "*", filepath.Join(dir, "values.yaml")}, &out, &errs); code != exitFindings {
		t.Errorf("exit %d: %s%s", code, &out, &errs)
	}
	for _, verb := range [][]string{{"validate", dir}, {"render", "istio", dir}, {"render", "envoy", dir}, {"serve", "--config", dir}} {
		errs.Reset()
		if code := run(t.Context(), append(verb, "--exclude", "["), &out, &errs); code != exitUsage || !strings.Contains(errs.String(), "--exclude: \"[\": ") {
			t.Errorf("%v: exit %d: %s", verb, code, &errs)
		}
	}
}

// TestWhatWasLeftOutMeanwhile holds that a removal is told with its line also where the rules were
// written while no control plane ran.
func TestWhatWasLeftOutMeanwhile(t *testing.T) {
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
