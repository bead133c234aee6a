package test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// apart runs the test in a network namespace of its own, where it may listen on more than loopback and nobody else is,
// and reports that it was run there. In that namespace it brings loopback up and reports that it is there.
func apart(t *testing.T) (done bool) {
	t.Helper()
	if os.Getenv(inNamespace) != "" {
		must(t, loopbackUp())
		return false
	}
	path, err := program()
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 10*bound)
	defer cancel()
	for _, flags := range []uintptr{syscall.CLONE_NEWNET, syscall.CLONE_NEWNET | syscall.CLONE_NEWUSER} {
		c := exec.CommandContext(ctx, os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		c.Env = append(os.Environ(), inNamespace+"=1", builtProgram+"="+path)
		c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags, Pdeathsig: syscall.SIGKILL}
		if flags&syscall.CLONE_NEWUSER != 0 {
			c.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}}
			c.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}}
		}
		out, err := c.CombinedOutput()
		if slices.ContainsFunc([]error{syscall.EPERM, syscall.EINVAL, syscall.ENOSPC}, func(e error) bool { return errors.Is(err, e) }) {
			continue // this machine gives no such namespace
		}
		switch {
		case err == nil && bytes.Contains(out, []byte("--- SKIP: "+t.Name())):
			t.Skipf("%s", out)
		case err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name())):
			t.Errorf("in a network namespace of its own: %v\n%s", err, out)
		}
		return true
	}
	t.Skip("SKIPPED, NOT PASSED: this machine gives no network namespace, and elsewhere it would listen on more than loopback")
	return true
}

// loopbackUp makes 127.0.0.1 work in a new namespace.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo)
}
