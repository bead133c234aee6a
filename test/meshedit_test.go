package test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// TestAnEditOfTheMeshConfigurationReachesTheGateway holds for an edit, and that an emptied or
// misspelt file changes nothing: a policy of the root namespace that it names stays enforced.
func TestAnEditOfTheMeshConfigurationReachesTheGateway(t *testing.T) {
	envoytest.Require(t)
	mesh := meshFile(t, "rootNamespace: platform\n")
	policy := strings.ReplaceAll(adminDenied, "namespace: istio-system", "namespace: platform")
	s := newScene(t, policy, "--mesh-config", mesh)
	becomes := func(path string, want int, header ...string) {
		t.Helper()
		eventually(t, fmt.Sprintf("%s gets %d", path, want), func() bool {
			status, _ := raw(t, s.address, "", path, header...)
			return status == want
		})
	}
	becomes("/admin", http.StatusForbidden)
	for _, broken := range []string{"", "# nothing\n", "rootNamepace: istio-system\n", "rootNamespace: other\n---\n{}\n"} {
		before := s.generation(t)
		write(t, mesh, broken)
		eventually(t, "the edit is read", func() bool { return s.generation(t) > before })
		if status, _ := raw(t, s.address, "", "/admin"); status != http.StatusForbidden {
			t.Errorf("with the mesh configuration %q /admin got %d", broken, status)
		}
	}
	// Another root namespace takes all policy away, which has to be meant.
	replace(t, mesh, "rootNamespace: other\n")
	eventually(t, "the group is kept from it", func() bool { _, kept := unguarded(t, s.plane); return kept })
	if status, _ := raw(t, s.address, "", "/admin"); status != http.StatusForbidden {
		t.Errorf("with a root namespace without policy /admin got %d", status)
	}
	write(t, filepath.Join(s.dir, "open.yaml"), strings.Replace(everythingPasses, "istio-system", "other", 1))
	becomes("/admin", http.StatusOK)
	replace(t, mesh, "rootNamespace: platform\npathNormalization: {normalization: NONE}\n")
	becomes("/admin", http.StatusForbidden)
	becomes("//admin", http.StatusOK)
	replace(t, mesh, "rootNamespace: platform\n")
	becomes("//admin", http.StatusForbidden)
}
