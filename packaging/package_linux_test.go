package packaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// packageOf makes the deb package of a version, of $PORTREEVE_PROGRAM or, without, of the program as it is here.
func packageOf(t *testing.T, version string) string {
	t.Helper()
	dir := t.TempDir()
	reference, program := filepath.Join(dir, "reference"), os.Getenv("PORTREEVE_PROGRAM")
	if program == "" {
		program = filepath.Join(dir, "portreeve")
		execute(t, "go", "build", "-ldflags", "-s -w", "-o", program, "./cmd/portreeve")
	}
	execute(t, program, "reference", reference)
	execute(t, "sh", "tools/package.sh", "deb", runtime.GOARCH, version, program, reference, dir)
	return filepath.Join(dir, "portreeve_"+version+"-1_"+runtime.GOARCH+".deb")
}

// releasedPackage returns the package that $PORTREEVE_DEB names or, without, one of an old version.
func releasedPackage(t *testing.T) string {
	t.Helper()
	if deb := os.Getenv("PORTREEVE_DEB"); deb != "" {
		return deb
	}
	return packageOf(t, "0.1.0")
}

// execute runs a command in the root of the repository.
func execute(t *testing.T, name string, args ...string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), name, args...)
	c.Dir = ".."
	// Compression is most of the work, and not what is tested.
	c.Env = append(os.Environ(), "SOURCE_DATE_EPOCH=86400", "COMPRESSION=none")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}
