package test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
)

// neverWritten are paths that people write in policies, by how the mesh configuration has them
// normalized for no request to have them.
func neverWritten() map[string][]string {
	always := []string{"/q?z=1", "/q#z", "admin", "admin/x"}
	resolved := append([]string{`/c\d`, "/a/../b", "/a/./b", "/a/..", "/%61dmin", "/a%2db", "/%7Eme/%5a", "/x/%2e%2e/y"}, always...)
	merged := append([]string{"//adm", "/a//b"}, resolved...)
	return map[string][]string{
		"NONE": always, "DEFAULT": resolved, "BASE": resolved, "MERGE_SLASHES": merged,
		"DECODE_AND_MERGE_SLASHES": append([]string{"/c%2fd", "/c%2Fd", "/c%5cd", "/c%5Cd"}, merged...),
	}
}

// TestNoRequestHasAPathThatIsCalledImpossible asks Envoy, in every mode: a path that it makes of a
// request is never called one that no request has, and one that is called so stays unseen whatever way
// it is written.
func TestNoRequestHasAPathThatIsCalledImpossible(t *testing.T) {
	for mode, never := range neverWritten() {
		t.Run(mode, func(t *testing.T) {
			mesh := "pathNormalization: {normalization: " + mode + "}\n"
			_, address := meshGateway(t, mesh, "")
			seen := map[string]bool{}
			for _, target := range append(detours(), waysToWrite(neverWritten()["DECODE_AND_MERGE_SLASHES"])...) {
				if status, got := raw(t, address, "", target); status == http.StatusOK {
					path, _, _ := strings.Cut(got, "?")
					seen[path] = true
				}
			}
			if len(seen) < 10 {
				t.Fatalf("only %d paths came through: the test decides nothing", len(seen))
			}
			for path := range seen {
				if saysNever(t, mesh, path) {
					t.Errorf("a request comes with the path %q, which is said to come never", path)
				}
			}
			for _, path := range never {
				if !saysNever(t, mesh, path) || seen[path] {
					t.Errorf("%q: said never %v, seen %v", path, saysNever(t, mesh, path), seen[path])
				}
			}
		})
	}
}

// waysToWrite returns paths as they are, and with each character that decides written in hex.
func waysToWrite(paths []string) []string {
	// The first ones would be escapes of letters once Envoy had taken the inner escapes for theirs.
	out := append([]string{"/%%36%31dmin", "/%%361dmin", "/%6%31dmin", "/%25%36%31dmin"}, paths...)
	for _, p := range paths {
		for _, c := range []string{"/", ".", "?", "#", `\`, "%"} {
			hex := "%" + strconv.FormatInt(int64(c[0]), 16)
			out = append(out, "/"+strings.ReplaceAll(strings.TrimPrefix(p, "/"), c, hex))
		}
	}
	return out
}

func saysNever(t *testing.T, mesh, path string) bool {
	t.Helper()
	settings := model.DefaultSettings()
	settings.MeshFile = "mesh.yaml"
	policy := strings.Replace(adminDenied, "[/admin, /admin/*]", "["+strconv.Quote(path)+"]", 1)
	found := translate.Compile([]source.File{{Path: "mesh.yaml", Content: []byte(mesh)}, {Path: "policy.yaml", Content: []byte(policy)}}, settings).Diags
	if found.HasErrors() {
		t.Fatal(found)
	}
	for _, d := range found {
		if d.Code == diag.CodePathNever {
			return true
		}
	}
	return false
}
