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
const openGateway = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: opening, namespace: istio-system}
spec: {servers: [{port: {number: 8080, name: http, protocol: HTTP}, hosts: ["*"]}]}
`

// authorizers are what CUSTOM policies of inputs that are made up can name.
const authorizers = `extensionProviders:
- {name: over-http, envoyExtAuthzHttp: {service: authz.example, port: 8000, pathPrefix: /check, includeRequestHeadersInCheck: ["x-*"], includeAdditionalHeadersInCheck: {x-a: b}}}
- {name: over-grpc, envoyExtAuthzGrpc: {service: authz.example, port: 9000, failOpen: true, statusOnError: "503", includeRequestBodyInCheck: {maxRequestBytes: 10}}}
- {name: nowhere, envoyExtAuthzGrpc: {service: nowhere.example, port: 9000}}
`

// authorizing is the service of the authorizers, and a policy that asks one of them.
const authorizing = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: authz, namespace: istio-system}
spec:
  hosts: [authz.example]
  resolution: STATIC
  endpoints: [{address: 127.0.0.1}]
  ports: [{number: 8000, name: http, protocol: HTTP}, {number: 9000, name: grpc, protocol: GRPC}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: asked, namespace: istio-system}
spec: {action: CUSTOM, provider: {name: over-http}, rules: [{to: [{operation: {paths: ["/asked/{**}"]}}]}]}
`

// withAuthorizers returns files that can name the authorizers, and the settings for them.
func withAuthorizers(files ...source.File) ([]source.File, model.Settings) {
	settings := model.DefaultSettings()
	settings.MeshFile = meshFile
	return append(files, source.File{Path: meshFile, Content: []byte(authorizers)}), settings
}

// corpus compiles the golden inputs, as a whole and document by document, and what fuzzing has found.
func corpus(t testing.TB) map[string]*translate.Program {
	t.Helper()
	out := map[string]*translate.Program{}
	gateway := source.File{Path: "opening.yaml", Content: []byte(openGateway)}
	dirs, err := filepath.Glob("testdata/*/in")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		settings := settingsOf(t, filepath.Dir(dir))
		out[dir] = settings.at(translate.Compile(settings.files(t, dir), settings.Settings))
	}
	for i, files := range inputs(t) {
		for _, f := range files {
			out[fmt.Sprintf("%d %s", i, f.Path)] = translate.Compile([]source.File{gateway, f}, model.DefaultSettings())
		}
	}
	for name, content := range found(t) {
		out[name] = translate.Compile(withAuthorizers(gateway, source.File{Path: "fuzz.yaml", Content: content}))
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
