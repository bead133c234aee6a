package test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// smallDisk is a disk of its own, which can be filled.
type smallDisk struct{ dir string }

// newSmallDisk mounts one. It is for a test that runs in a mount namespace of its own.
func newSmallDisk(t testing.TB) smallDisk {
	t.Helper()
	d := smallDisk{t.TempDir()}
	must(t, unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")) // nobody else sees it
	must(t, unix.Mount("none", d.dir, "tmpfs", 0, "size=32m"))
	t.Cleanup(func() { _ = unix.Unmount(d.dir, unix.MNT_DETACH) })
	return d
}

func (d smallDisk) filler() string { return filepath.Join(d.dir, "filler") }

// fill takes every byte that is left.
func (d smallDisk) fill(t testing.TB) {
	t.Helper()
	f, err := os.Create(d.filler())
	must(t, err)
	defer f.Close()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(bytes.Repeat([]byte{1}, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else {
			must(t, err)
		}
	}
}

func (d smallDisk) free(t testing.TB) {
	t.Helper()
	must(t, os.Remove(d.filler()))
}

// inMounts is set where a test runs in a mount namespace of its own.
const inMounts = "PORTREEVE_TEST_MOUNTS"

// withMounts runs the test again, in a mount namespace of its own, and returns that it did. In that namespace it returns false.
func withMounts(t *testing.T) (done bool) {
	t.Helper()
	if os.Getenv(inMounts) != "" {
		return false
	}
	path, err := program()
	must(t, err)
	for _, flags := range []uintptr{syscall.CLONE_NEWNS, syscall.CLONE_NEWNS | syscall.CLONE_NEWUSER} {
		ctx, cancel := context.WithTimeout(t.Context(), chaosLength()+20*bound)
		defer cancel()
		c := exec.CommandContext(ctx, os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=0", "-chaos.seed", flag.Lookup("chaos.seed").Value.String())
		c.Env = append(os.Environ(), inMounts+"=1", builtProgram+"="+path)
		c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags, Pdeathsig: syscall.SIGKILL}
		if flags&syscall.CLONE_NEWUSER != 0 {
			c.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}}
			c.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}}
		}
		out, err := c.CombinedOutput()
		if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOSPC) {
			continue // this machine gives no such namespace
		}
		if err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name())) {
			t.Errorf("in a mount namespace of its own: %v", err)
		}
		t.Logf("%s", out)
		return true
	}
	t.Skip("SKIPPED, NOT PASSED: this machine gives no mount namespace")
	return true
}

// buildReplaced builds the program with some files replaced or added, each by its path.
func buildReplaced(name string, files map[string]string) (string, error) {
	replaced := map[string]string{}
	for path, content := range files {
		file := filepath.Join(workshop, name+"-"+filepath.Base(path))
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			return "", err
		}
		replaced[path] = file
	}
	text, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(workshop, name+".json")
	if err := os.WriteFile(overlay, text, 0o600); err != nil {
		return "", err
	}
	out := filepath.Join(workshop, name)
	flags := []string{"build", "-buildvcs=false", "-overlay", overlay, "-o", out}
	if underRace {
		flags = append(flags, "-race")
	}
	if text, err := exec.Command("go", append(flags, "../cmd/portreeve")...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the program: %w\n%s", err, text)
	}
	return out, nil
}
