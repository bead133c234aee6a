package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEnvoyTakesPathsAsTheFormsSay asks Envoy, in every mode of path normalization, what translate/explain
// holds its answers against: each line has what becomes of a path here and in Istio's shape, the status of a
// refusal or the path that the backend is given.
func TestEnvoyTakesPathsAsTheFormsSay(t *testing.T) {
	modes, err := filepath.Glob("../translate/explain/testdata/forms/mode-*")
	must(t, err)
	if len(modes) < 5 {
		t.Fatalf("%d modes, want 5", len(modes))
	}
	for _, dir := range modes {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			mesh, err := os.ReadFile(filepath.Join(dir, "mesh.yaml"))
			if os.IsNotExist(err) {
				mesh, err = []byte("{}\n"), nil
			}
			must(t, err)
			policy, err := os.ReadFile(filepath.Join(dir, "policy.yaml"))
			must(t, err)
			requests, err := os.ReadFile(filepath.Join(dir, "requests"))
			must(t, err)
			_, address := meshGateway(t, string(mesh), string(policy))
			for line := range strings.Lines(string(requests)) {
				want, request, is := strings.Cut(strings.TrimSpace(line), " | ")
				if !is || strings.HasPrefix(line, "#") {
					continue
				}
				target := request[strings.LastIndex(request, " ")+1:]
				if got := outcome(t, address, target); got != strings.TrimSpace(want) {
					t.Errorf("%s: %s, want %s", target, got, want)
				}
			}
		})
	}
}
