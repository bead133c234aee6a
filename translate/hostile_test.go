package translate_test

import (
	"crypto/sha256"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/proto"

	"github.com/portreeve/portreeve/internal/envoytest"
	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
)

// TestHostileValues puts hostile values into every text and number of every kind, one at a time, in
// objects that are right otherwise. It holds that each is refused at its place, in its object at or
// above its line or at what it cannot stand beside, or that the real Envoy takes what becomes of it: one
// object must not keep the others out. Two values of each field are tried, with PORTREEVE_HOSTILE=n so many.
func TestHostileValues(t *testing.T) {
	if underRace {
		t.Skip("make full and make hostile run it")
	}
	s := newScene(t)
	fields := s.fields(t)
	each := valuesOfAField
	if written := os.Getenv("PORTREEVE_HOSTILE"); written != "" {
		var err error
		if each, err = strconv.Atoi(written); err != nil {
			t.Fatal(err)
		}
	}
	var samples []sample
	tried, refused, elsewhere, caught := 0, 0, 0, map[string]bool{}
	seen := map[[sha256.Size]byte]bool{}
	for i, f := range fields {
		for _, value := range f.values(i, each) {
			tried++
			name := fmt.Sprintf("%s = %.60q", f, fmt.Sprint(value))
			program, line := s.with(t, f, value)
			_, found := program.For(ingress())
			found = append(program.Diags.Errors(), found...)
			if len(found) > 0 {
				refused++
				switch {
				case f.blamed(found, line):
				case f.blamed(found, math.MaxInt) && !constrained(found):
					elsewhere++
				default:
					t.Errorf("%s, on line %d, is refused elsewhere: %s", name, line, brief(found))
				}
				for _, d := range found {
					if d.Code == diag.CodeConstraint {
						caught[fmt.Sprintf("%s: %s", f, d.Message)] = true
					}
				}
				continue
			}
			resources, _ := program.Static(ingress())
			changed := s.changed(resources)
			if digest := digestOf(t, changed); !seen[digest] && filesAreThere(changed) && !ofGateways(f) {
				seen[digest] = true
				samples = append(samples, sample{name, changed})
			}
		}
	}
	t.Logf("%d values in %d fields: %d refused, %d of them at what they cannot stand beside, %d by Envoy's API alone; %d renderings for Envoy", tried, len(fields), refused, elsewhere, len(caught), len(samples))
	for c := range caught {
		t.Log(c)
	}
	if tried < 1000 {
		t.Errorf("%d values, want 1000 or more", tried)
	}
	envoytest.Require(t)
	envoyTakes(t, samples)
}

// valuesOfAField is how many values of each field the short form tries.
const valuesOfAField = 2

// scene is the objects that values are put into.
type scene struct {
	documents []*document
	settings  model.Settings
	files     []source.File
	base      *translate.Program
	resources map[string]string
}

// document is an object of the scene, or the mesh configuration.
type document struct {
	kind, path string
	content    any
}

func newScene(t *testing.T) *scene {
	t.Helper()
	out := &scene{settings: model.DefaultSettings(), resources: map[string]string{}}
	out.settings.MeshFile = meshFile
	content, err := os.ReadFile("testdata/hostile/scene.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range strings.Split(string(content), "\n---\n") {
		out.add(t, fmt.Sprintf("%02d.yaml", i), strings.ReplaceAll(text, "JWKS", "'"+testKeys(t)+"'"))
	}
	mesh, err := os.ReadFile("testdata/hostile/mesh.yaml")
	if err != nil {
		t.Fatal(err)
	}
	out.add(t, meshFile, string(mesh))
	out.base = translate.Compile(out.files, out.settings)
	resources, refused := out.base.Static(ingress())
	if found := append(refused, out.base.Diags.Errors()...); len(found) > 0 {
		t.Fatal(findings(found))
	}
	for _, m := range messages(resources) {
		out.resources[nameOf(m)] = encoded(t, m)
	}
	return out
}

func (s *scene) add(t *testing.T, path, text string) {
	t.Helper()
	d := &document{path: path, kind: "MeshConfig"}
	if err := yaml.Unmarshal([]byte(text), &d.content); err != nil {
		t.Fatal(err)
	}
	if kind, ok := d.content.(map[string]any)["kind"].(string); ok {
		d.kind = kind
	}
	s.documents = append(s.documents, d)
	s.files = append(s.files, source.File{Path: path, Content: marshalled(t, d.content)})
}

func marshalled(t *testing.T, object any) []byte {
	t.Helper()
	content, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// with compiles the scene with a value in a field, and returns the line that the value is on.
func (s *scene) with(t *testing.T, f field, value any) (*translate.Program, int) {
	t.Helper()
	content := marshalled(t, f.put(copied(f.in.content), value))
	files := slices.Clone(s.files)
	for i := range files {
		if files[i].Path == f.in.path {
			files[i].Content = content
		}
	}
	return s.base.Recompile(files, s.settings), f.line(t, content, value)
}

// changed returns the listeners of a rendering that differ from the scene's own, or whose clusters
// do, with the clusters that they name, and the clusters that differ.
func (s *scene) changed(r envoy.Resources) envoy.Resources {
	out := envoy.Resources{Secrets: r.Secrets}
	differs := map[string]bool{}
	for _, c := range r.Clusters {
		if s.resources[nameOf(c)] != mustEncode(c) {
			differs[c.GetName()] = true
		}
	}
	needed := map[string]bool{}
	for _, l := range r.Listeners {
		text := mustEncode(l)
		if s.resources[nameOf(l)] == text {
			continue
		}
		out.Listeners = append(out.Listeners, l)
		for _, c := range r.Clusters {
			needed[c.GetName()] = needed[c.GetName()] || strings.Contains(text, c.GetName())
		}
	}
	for _, c := range r.Clusters {
		if differs[c.GetName()] || needed[c.GetName()] {
			out.Clusters = append(out.Clusters, c)
		}
	}
	return out
}

func mustEncode(m proto.Message) string {
	content, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return err.Error()
	}
	return string(content)
}

func encoded(t *testing.T, m proto.Message) string {
	t.Helper()
	content, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func nameOf(m proto.Message) string {
	named, _ := m.(interface{ GetName() string })
	if named == nil {
		return fmt.Sprintf("%T", m)
	}
	return fmt.Sprintf("%T %s", m, named.GetName())
}

func digestOf(t *testing.T, r envoy.Resources) [sha256.Size]byte {
	t.Helper()
	h := sha256.New()
	for _, m := range messages(r) {
		h.Write([]byte(encoded(t, m)))
	}
	return [sha256.Size]byte(h.Sum(nil))
}

func brief(l diag.List) string {
	out := []string{}
	for _, d := range l[:min(len(l), 2)] {
		out = append(out, fmt.Sprintf("%.250s", d))
	}
	return strings.Join(out, "; ")
}

func constrained(l diag.List) bool {
	return slices.ContainsFunc(l, func(d diag.Diagnostic) bool { return d.Code == diag.CodeConstraint })
}

func copied(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = copied(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = copied(e)
		}
		return out
	}
	return v
}

// ofGateways reports a field that names a file of the gateway, of which only the gateway can say
// whether it can be written.
func ofGateways(f field) bool {
	return slices.Contains([]string{"MeshConfig.accessLogFile", "MeshConfig.extensionProviders.envoyFileAccessLog.path"}, f.String())
}

// filesAreThere reports whether the secrets are in files that the test makes. Of others nothing can
// be said before a gateway looks: it takes what needs them, and waits.
func filesAreThere(r envoy.Resources) bool {
	for _, secret := range r.Secrets {
		for _, source := range []*corev3.DataSource{
			secret.GetTlsCertificate().GetCertificateChain(), secret.GetTlsCertificate().GetPrivateKey(), secret.GetValidationContext().GetTrustedCa(), secret.GetValidationContext().GetCrl(),
		} {
			if name := source.GetFilename(); name != "" && !slices.Contains([]string{"/etc/tls.crt", "/etc/tls.key", "/etc/ca.pem", "/etc/ca.crl"}, name) {
				return false
			}
		}
	}
	return true
}
