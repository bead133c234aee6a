package translate_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
)

// opening is a Gateway with routes, so that an input of policy alone has a listener to stand in.
const opening = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: opening, namespace: istio-system}
spec: {servers: [{port: {number: 8080, name: http, protocol: HTTP}, hosts: ["*"]}]}
`

// corpus compiles the golden inputs, as a whole and document by document, and what fuzzing has found.
func corpus(t testing.TB) map[string]*translate.Program {
	t.Helper()
	out := map[string]*translate.Program{}
	gateway := source.File{Path: "opening.yaml", Content: []byte(opening)}
	dirs, err := filepath.Glob("testdata/*/in")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		out[dir] = translate.Compile(read(t, dir), model.DefaultSettings())
	}
	for i, files := range inputs(t) {
		for _, f := range files {
			out[fmt.Sprintf("%d %s", i, f.Path)] = translate.Compile([]source.File{gateway, f}, model.DefaultSettings())
		}
	}
	for name, content := range found(t) {
		out[name] = translate.Compile([]source.File{gateway, {Path: "fuzz.yaml", Content: content}}, model.DefaultSettings())
	}
	return out
}

// found reads the inputs that fuzzing has added to testdata/fuzz.
func found(t testing.TB) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob("testdata/fuzz/FuzzCompile/*")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		_, line, _ := strings.Cut(strings.TrimSpace(string(content)), "\n")
		text, err := strconv.Unquote(strings.TrimSuffix(strings.TrimPrefix(line, "[]byte("), ")"))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		out[path] = []byte(text)
	}
	return out
}
