package source_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/translate/source"
)

func TestReadSecrets(t *testing.T) {
	file := func(content string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(content)} }
	files, err := source.ReadSecrets(fstest.MapFS{
		"web/tls.crt": file("a"), "web/tls.key": file("b"), "web/README.md": file("x"), "web/tls.key~": file("x"), "web/deeper/tls.key": file("x"),
		"api/ca.crt": file("c"), "tls.key": file("x"), ".hidden/tls.key": file("x"), "policy.yaml": file("x"), "empty/policy.yaml": file("x"),
	})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range files {
		got[f.Path] = string(f.Content)
	}
	if diff := cmp.Diff(map[string]string{"api/ca.crt": "c", "web/tls.crt": "a", "web/tls.key": "b"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestReadSecretsAsMounted reads a directory as Kubernetes mounts a Secret, and one whose
// files lead nowhere.
func TestReadSecretsAsMounted(t *testing.T) {
	dir := t.TempDir()
	for _, err := range []error{
		os.MkdirAll(filepath.Join(dir, "web", "..1"), 0o700), os.WriteFile(filepath.Join(dir, "web", "..1", "tls.key"), []byte("a"), 0o600),
		os.Symlink("..1", filepath.Join(dir, "web", "..data")), os.Symlink("..data/tls.key", filepath.Join(dir, "web", "tls.key")),
		os.Symlink("web", filepath.Join(dir, "again")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	files, err := source.ReadSecrets(os.DirFS(dir))
	if err != nil || len(files) != 2 || files[0].Path != "again/tls.key" || files[1].Path != "web/tls.key" {
		t.Errorf("%v, %v", files, err)
	}
	if err := os.Remove(filepath.Join(dir, "web", "..data")); err != nil {
		t.Fatal(err)
	}
	if _, err := source.ReadSecrets(os.DirFS(dir)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a dangling file: %v", err)
	}
	if _, err := source.ReadSecrets(os.DirFS(filepath.Join(dir, "nowhere"))); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
}
