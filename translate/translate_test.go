package translate_test

import (
	"bytes"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/portreeve/portreeve/internal/output"
	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func ingress() model.Gateway {
	return model.Gateway{Namespace: "istio-system", Labels: map[string]string{"istio": "ingressgateway"}}
}

func read(t testing.TB, dir string) []source.File {
	t.Helper()
	files, err := source.Read(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// meshFile is the file of a case that is its mesh configuration, where there is one.
const meshFile = "mesh.yaml"

// gatewaysFile is the file of a case that alone holds GatewayIdentity objects, where there is one.
const gatewaysFile = "gateway-identities.yaml"

// secretsDir is the folder of a case that holds secrets as files.
const secretsDir = "secrets"

// TestCases compiles every folder of testdata: want.yaml holds the resources of the
// default gateway, want.diag the findings. Add a folder with in/ and run with -update. A
// settings.yaml beside in/ says what differs from the default settings; a mesh.yaml inside
// is the mesh configuration, and then want.listeners.yaml holds the listeners.
func TestCases(t *testing.T) {
	cases, err := filepath.Glob("testdata/*/in")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, in := range cases {
		dir := filepath.Dir(in)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			settings := settingsOf(t, dir)
			program := settings.at(translate.Compile(settings.files(t, in), settings.Settings))
			golden(t, filepath.Join(dir, "want.diag"), findings(program.Diags))
			golden(t, filepath.Join(dir, "want.yaml"), rendered(t, program))
			if settings.MeshFile != "" {
				golden(t, filepath.Join(dir, "want.listeners.yaml"), listeners(t, program))
			}
		})
	}
}

// caseSettings are the settings of a case, and what time it is in it.
type caseSettings struct {
	model.Settings
	now    time.Time
	served map[string]bool
}

// at tells a program what time it is, where the case says so.
func (s caseSettings) at(p *translate.Program) *translate.Program {
	if s.now.IsZero() {
		return p
	}
	return p.At(s.now, s.served)
}

// files reads the files of a case, and those of its directory for secrets.
func (s caseSettings) files(t testing.TB, in string) []source.File {
	t.Helper()
	files := read(t, in)
	for _, dir := range s.SecretsDirs {
		found, err := source.ReadSecrets(os.DirFS(filepath.Join(in, dir)))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			f.Path = filepath.Join(dir, f.Path)
			files = append(files, f)
		}
	}
	return files
}

// settingsOf reads the settings of a case: its mesh configuration, its directory for
// secrets, who fetches keys, which have been fetched, what time it is, and the fingerprints
// of the certificates that are served.
func settingsOf(t testing.TB, dir string) caseSettings {
	t.Helper()
	out := caseSettings{Settings: model.DefaultSettings()}
	if _, err := os.Stat(filepath.Join(dir, "in", secretsDir)); err == nil {
		out.SecretsDirs = []string{secretsDir}
	}
	if _, err := os.Stat(filepath.Join(dir, "in", meshFile)); err == nil {
		out.MeshFile = meshFile
	}
	if _, err := os.Stat(filepath.Join(dir, "in", gatewaysFile)); err == nil {
		out.GatewaysFile = gatewaysFile
	}
	content, err := os.ReadFile(filepath.Join(dir, "settings.yaml"))
	if os.IsNotExist(err) {
		return out
	}
	var in struct {
		Now      time.Time
		Served   []string
		KeyFetch string `yaml:"keyFetch"`
		Keys     []struct{ Issuer, URI, JWKS string }
	}
	if err := errors.Join(err, yaml.Unmarshal(content, &in)); err != nil {
		t.Fatal(err)
	}
	if in.KeyFetch == "envoy" {
		out.KeyFetch = model.FetchByGateway
	}
	out.now, out.served = in.Now, map[string]bool{}
	for _, fingerprint := range in.Served {
		out.served[fingerprint] = true
	}
	out.Keys = model.Keys{}
	for _, k := range in.Keys {
		out.Keys[model.KeySource{Issuer: k.Issuer, URI: k.URI}] = k.JWKS
	}
	return out
}

func findings(l diag.List) string {
	var b strings.Builder
	for _, d := range l {
		b.WriteString(d.String() + "\n")
	}
	return b.String()
}

// rendered prints what the default gateway is given, or nothing where it is refused.
func rendered(t *testing.T, p *translate.Program) string {
	t.Helper()
	resources, refused := p.For(ingress())
	if len(refused) > 0 {
		return ""
	}
	validMessages(t, resources)
	var out bytes.Buffer
	printable := output.ResourcesOf(resources)
	content := map[string]any{"routes": printable.Routes, "clusters": printable.Clusters, "endpoints": printable.Endpoints, "extensionConfigs": printable.ExtensionConfigs}
	if forwarding := output.ResourcesOf(envoy.Resources{Listeners: forwarding(resources)}); len(forwarding.Listeners) > 0 {
		content["listeners"] = forwarding.Listeners
	}
	if len(printable.Secrets) > 0 {
		content["secrets"] = printable.Secrets
	}
	if err := output.YAML(&out, content); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// forwarding returns the listeners that hold routes themselves, lead nowhere, end TLS, resolve
// names or are unix sockets. The others are the same but for their names.
func forwarding(r envoy.Resources) []*listenerv3.Listener {
	var out []*listenerv3.Listener
	for _, l := range r.Listeners {
		chain := l.GetFilterChains()[0].GetFilters()
		last := &listenerv3.Filter{}
		if len(chain) > 0 {
			last = chain[len(chain)-1]
		}
		if len(chain) == 0 || last.GetName() == "envoy.filters.network.tcp_proxy" || l.GetFilterChains()[0].GetTransportSocket() != nil ||
			l.GetAddress().GetPipe() != nil || bytes.Contains(last.GetTypedConfig().GetValue(), []byte("dynamic_forward_proxy")) {
			out = append(out, l)
		}
	}
	return out
}

// listeners prints the listeners that the default gateway is given.
func listeners(t *testing.T, p *translate.Program) string {
	t.Helper()
	resources, refused := p.For(ingress())
	if len(refused) > 0 {
		return ""
	}
	var out bytes.Buffer
	if err := output.YAML(&out, map[string]any{"listeners": output.ResourcesOf(resources).Listeners}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// golden compares a text with a file; an empty text has no file.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
		if got != "" {
			if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// TestTheOrderOfFilesDoesNotMatter holds for all cases together, files and documents shuffled.
func TestTheOrderOfFilesDoesNotMatter(t *testing.T) {
	for _, in := range inputs(t) {
		want := rendered(t, translate.Compile(in, model.DefaultSettings()))
		for seed := range rounds(20) {
			shuffled := append([]source.File{}, in...)
			r := rand.New(rand.NewPCG(uint64(seed), 1)) //nolint:gosec // a test wants the same order again
			r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
			for i, f := range shuffled {
				shuffled[i].Path = string(rune('a'+r.IntN(26))) + f.Path
			}
			if diff := cmp.Diff(want, rendered(t, translate.Compile(shuffled, model.DefaultSettings()))); diff != "" {
				t.Fatalf("another order gives another configuration (-want +got):\n%s", diff)
			}
		}
	}
}

// inputs returns the cases, every document a file of its own.
func inputs(t testing.TB) [][]source.File {
	t.Helper()
	dirs, err := filepath.Glob("testdata/*/in")
	if err != nil {
		t.Fatal(err)
	}
	var out [][]source.File
	for _, dir := range dirs {
		var files []source.File
		for _, f := range read(t, dir) {
			if f.Path == meshFile {
				continue
			}
			for i, document := range strings.Split(string(f.Content), "\n---\n") {
				files = append(files, source.File{Path: strings.Repeat("x", i) + f.Path, Content: []byte(document)})
			}
		}
		out = append(out, files)
	}
	return out
}

// FuzzCompile holds that no input makes the compiler panic, and that what it accepts
// renders to messages that pass Envoy's own validation rules.
func FuzzCompile(f *testing.F) {
	for _, files := range inputs(f) {
		for _, file := range files {
			f.Add(file.Content)
		}
	}
	gateway := source.File{Path: "opening.yaml", Content: []byte(openGateway)}
	f.Fuzz(func(t *testing.T, content []byte) {
		program := translate.Compile(withAuthorizers(gateway, source.File{Path: "fuzz.yaml", Content: content}))
		for _, render := range []func(model.Gateway) (envoy.Resources, diag.List){program.For, program.Static, program.Istio} {
			resources, _ := render(ingress())
			validMessages(t, resources)
		}
	})
}

// FuzzMesh holds the same for the mesh configuration.
func FuzzMesh(f *testing.F) {
	seeds, err := filepath.Glob("testdata/*/in/" + meshFile)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range seeds {
		content, err := os.ReadFile(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	files := append(read(f, "testdata/routing/in"), source.File{Path: "authorizing.yaml", Content: []byte(authorizing)})
	f.Fuzz(func(t *testing.T, content []byte) {
		settings := model.DefaultSettings()
		settings.MeshFile = meshFile
		rendered(t, translate.Compile(append(slices.Clone(files), source.File{Path: meshFile, Content: content}), settings))
	})
}

func BenchmarkCompile(b *testing.B) {
	for name, policies := range map[string]int{"1": 1, "1000": 1000} {
		b.Run(name, func(b *testing.B) {
			var text strings.Builder
			for i := range policies {
				text.WriteString("---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p" + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + strings.Repeat("0", i/182) + ", namespace: istio-system}\nspec:\n  action: DENY\n  rules:\n  - from: [{source: {notRequestPrincipals: [\"*\"]}}]\n    to: [{operation: {paths: [/private]}}]\n")
			}
			files := []source.File{{Path: "policies.yaml", Content: []byte(text.String())}}
			b.ReportAllocs()
			for b.Loop() {
				translate.Compile(files, model.DefaultSettings()).For(ingress())
			}
		})
	}
}
