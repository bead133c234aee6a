package source

import "testing"

// TestMayBeManifest holds what is left out as no manifest at all, and that whatever may be meant for
// one, or cannot be read, is not.
func TestMayBeManifest(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want bool
	}{
		"an object":             {"apiVersion: v1\nkind: Service\n", true},
		"one of several":        {"a: 1\n---\napiVersion: v1\nkind: Service\n", true},
		"a list of objects":     {"apiVersion: v1\nkind: List\nitems: []\n", true},
		"misspelt":              {"apiversion: v1\nKind: Service\n", true},
		"without kind":          {"apiVersion: security.istio.io/v1\nmetadata: {name: a}\n", true},
		"without kind or name":  {"apiVersion: security.istio.io/v1\n", true},
		"without version":       {"kind: JWTPolicy\nmetadata: {name: a}\n", true},
		"without both":          {"metadata: {name: a}\nspec: {}\n", true},
		"kind and spec":         {"kind: JWTPolicy\nspec: {}\n", true},
		"JSON":                  {`{"apiVersion": "v1", "kind": "Service"}`, true},
		"not YAML":              {"a: [", true},
		"a template":            {"{{ if .Values.a }}\napiVersion: v1\n{{ end }}\n", true},
		"broken behind":         {"a: 1\n---\nb: [\n", true},
		"empty":                 {"", true},
		"comments":              {"# a\n", true},
		"values of a chart":     {"replicas: 1\nimage: {tag: a}\n", false},
		"a chart":               {"apiVersion: v2\nname: a\nversion: 1.0.0\n", false},
		"compose":               {"x-a: &a {restart: always}\nservices: {a: {<<: *a, image: b}}\n", false},
		"a workflow":            {"name: ci\non: [push]\njobs: {}\n", false},
		"a list":                {"- hosts: all\n  tasks: []\n", false},
		"package.json":          {`{"name": "a", "version": "1"}`, false},
		"a field named kind":    {"kind: cluster\nnodes: []\n", false},
		"several, none of them": {"a: 1\n---\nb: 2\n", false},
	} {
		if got := MayBeManifest(File{Path: "f.yaml", Content: []byte(c.text)}); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
