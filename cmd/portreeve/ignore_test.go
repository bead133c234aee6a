package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/ignore"
)

const envoyFilter = `apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: limit, namespace: istio-system}
spec:
  workloadSelector: {labels: {istio: ingressgateway}}
  configPatches: []
`

// TestOnlyWhatMayBeIgnoredIsIgnored holds that an EnvoyFilter is an error in every verb that compiles,
// that --ignore makes it a warning there, and that nothing else can be ignored.
func TestOnlyWhatMayBeIgnoredIsIgnored(t *testing.T) {
	wasm := newPolicyDir(t, map[string]string{"sign-in.yaml": "apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\nmetadata: {name: sign-in}\nspec: {phase: AUTHN}\n"})
	dir := newPolicyDir(t, map[string]string{"filter.yaml": envoyFilter, "denial.yaml": denial})
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"validate":                                 {[]string{"validate", dir}, exitFindings, "error PR0221"},
		"validate, ignoring":                       {[]string{"validate", "--ignore", "EnvoyFilter", dir}, exitClean, "warning PR0220"},
		"render envoy":                             {[]string{"render", "envoy", dir}, exitFindings, "error PR0221"},
		"render envoy, ignoring":                   {[]string{"render", "envoy", "--ignore", "EnvoyFilter", dir}, exitClean, "warning PR0220"},
		"render istio":                             {[]string{"render", "istio", dir}, exitFindings, "error PR0221"},
		"render istio, ignoring":                   {[]string{"render", "istio", "--ignore", "EnvoyFilter", dir}, exitClean, "warning PR0220"},
		"12: an extension that may guard":          {[]string{"validate", wasm}, exitFindings, "error PR0221"},
		"12: an extension that may guard, ignored": {[]string{"validate", "--ignore", "WasmPlugin", wasm}, exitClean, "warning PR0220"},
		"12: another kind ignored is not enough":   {[]string{"validate", "--ignore", "EnvoyFilter", wasm}, exitFindings, "error PR0221"},
		"a policy cannot be ignored":               {[]string{"validate", "--ignore", "AuthorizationPolicy", dir}, exitUsage, "AuthorizationPolicy"},
		"nor what is a warning anyway":             {[]string{"validate", "--ignore", "Sidecar", dir}, exitUsage, "Sidecar"},
		"serve refuses it too":                     {[]string{"serve", "--config", dir, "--ignore", "Gateway"}, exitUsage, "Gateway"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if code := run(t.Context(), c.args, &out, &out); code != c.code {
				t.Errorf("exit %d, want %d", code, c.code)
			}
			if !strings.Contains(out.String(), c.want) {
				t.Errorf("the output lacks %q:\n%s", c.want, out.String())
			}
		})
	}
}

// route is a VirtualService that answers by itself.
const route = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: one}
spec: {hosts: [one.test], http: [{directResponse: {status: 200}}]}
`

// repositories are whole ones, as people have them beside their policy.
func repositories() map[string]map[string]string {
	return map[string]map[string]string{
		"a chart": {
			"Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\n", "values.yaml": "image: {tag: v1}\nreplicas: 2\n", "values.schema.json": `{"type": "object"}`,
			"templates/gateway.yaml": "{{- if .Values.gateway }}\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata:\n  name: {{ .Release.Name }}\n{{- end }}\n", "policy/one.yaml": route,
		},
		"kustomize": {
			"base/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [one.yaml]\n", "base/one.yaml": route,
			"overlays/prod/kustomization.yaml": "resources: [../../base]\npatches: [{path: patch.yaml}]\n", "overlays/prod/patch.yaml": strings.Replace(route, "one.test", "prod.test", 1),
		},
		"compose": {
			"docker-compose.yml": "x-common: &common {restart: always}\nservices: {a: {<<: *common, image: \"a:1\"}}\n", ".github/workflows/ci.yml": "on: [push]\njobs: {}\n",
			"package.json": `{"name": "shop"}`, "renovate.json": `{"extends": []}`, "mkdocs.yml": "site_name: a\n", "policy/one.yaml": route,
			"openapi.yaml": "openapi: 3.0.0\ninfo: {title: a}\npaths: {}\n", "inventory.yaml": "- hosts: all\n",
		},
	}
}

// TestAWholeRepositoryIsCheckedAsItIs holds that a whole repository is checked as it is: strictly
// every file of it is an error that is not policy; with --lenient what is no manifest is left out with
// a note; and templates and patches, which look like manifests, by patterns.
func TestAWholeRepositoryIsCheckedAsItIs(t *testing.T) {
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

// TestFilesThatAreNamedCountWhateverIsLeftOut holds that what is named on the command line is checked,
// whatever is left out elsewhere, and that a pattern which is none is a mistake of usage.
func TestFilesThatAreNamedCountWhateverIsLeftOut(t *testing.T) {
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
