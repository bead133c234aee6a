package reload_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/portreeve/portreeve/internal/input"
	"github.com/portreeve/portreeve/internal/reload"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/xds/snapshot"
)

const tokens = "apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {name: tokens, namespace: istio-system}\nspec: {jwtRules: [{issuer: a, jwksUri: 'https://a.example/keys'}]}\n"

// settled returns a reloader to which every file counts as written, and what it publishes.
func settled(t *testing.T, settings model.Settings, ring reload.Keyring, dirs ...string) (*reload.Reloader, *publisher) {
	t.Helper()
	p := &publisher{sent: map[string][]map[string]string{}}
	r, err := reload.New(reload.Options{
		Publisher: p, Files: files(input.Options{Dirs: dirs, SecretsDirs: settings.SecretsDirs, Files: settings.Files()}), Settings: settings, Keyring: ring, Logger: slog.New(slog.DiscardHandler),
		Metrics: reload.NewMetrics(prometheus.NewRegistry()), Now: func() time.Time { return time.Now().Add(time.Hour) },
	})
	must(t, err)
	return r, p
}

// TestARotationIsOneUpdateOfThePolicyFilter holds that fetched keys travel by ECDS alone, and are no edit whose time counts.
func TestARotationIsOneUpdateOfThePolicyFilter(t *testing.T) {
	dir, ring := t.TempDir(), &keyring{}
	write(t, dir, "gateway.yaml", listener)
	write(t, dir, "tokens.yaml", tokens)
	r, p := settled(t, model.DefaultSettings(), ring, dir)
	edited := time.Now()
	var edits []time.Time
	p.asks = func(s *snapshot.Snapshot) { edits = append(edits, s.Edited) }
	must(t, r.Reload(t.Context(), input.Change{Since: edited}))
	r.Join(group())
	source := model.KeySource{URI: "https://a.example/keys"}
	if diff := cmp.Diff([]model.KeyRequest{{KeySource: source}}, ring.wanted, cmpopts.IgnoreFields(model.KeyRequest{}, "Revision")); diff != "" {
		t.Errorf("wanted keys (-want +got):\n%s", diff)
	}
	for _, keys := range []string{`{"keys":[1]}`, `{"keys":[2]}`} {
		ring.keys = model.Keys{source: keys}
		must(t, r.RotateKeys(t.Context()))
	}
	must(t, r.Reload(t.Context(), input.Change{}))
	sent := p.sent[group().Key]
	if len(sent) != 3 {
		t.Fatalf("published %d times, want once and at each rotation", len(sent))
	}
	if diff := cmp.Diff([]time.Time{edited, {}, {}}, edits); diff != "" {
		t.Errorf("when the edits were seen that were published (-want +got):\n%s", diff)
	}
	for i, before := range sent[:2] {
		for kind, version := range sent[i+1] {
			if changed := version != before[kind]; changed != (kind == resourcev3.ExtensionConfigType) {
				t.Errorf("rotation %d: %s changed: %v", i, kind, changed)
			}
		}
	}
}

// TestTheMeshConfigurationIsReadLikeAnyOtherFile holds for an edit, for a broken one and for a missing one.
func TestTheMeshConfigurationIsReadLikeAnyOtherFile(t *testing.T) {
	dir := t.TempDir()
	mesh := filepath.Join(dir, "mesh.yaml") // among the policies, which is allowed
	write(t, dir, "gateway.yaml", listener)
	write(t, dir, "mesh.yaml", "rootNamespace: somewhere\n")
	settings := model.DefaultSettings()
	settings.MeshFile = mesh
	r, p := settled(t, settings, &keyring{}, dir)
	must(t, r.Reload(t.Context(), input.Change{}))
	r.Join(group())
	if findings := r.Status().Diagnostics; len(findings) > 0 {
		t.Fatalf("findings: %v", findings)
	}
	must(t, os.Remove(mesh))
	must(t, r.Reload(t.Context(), input.Change{}))
	if len(p.sent[group().Key]) != 1 || r.Status().Diagnostics.HasErrors() {
		t.Error("a mesh configuration that is missing for a moment counts as gone")
	}
	must(t, r.Reload(t.Context(), input.Change{Settled: []string{mesh}}))
	if n := len(p.sent[group().Key]); n != 1 || !r.Status().Diagnostics.HasErrors() {
		t.Errorf("without the mesh configuration: published %d times, findings %v", n, r.Status().Diagnostics)
	}
}
