package input

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// mount puts an empty file system on a directory until the test ends, or until unmount is called.
func mount(t *testing.T, dir string) (unmount func()) {
	t.Helper()
	return mounted(t, dir, unix.Mount("none", dir, "tmpfs", 0, "size=1m"))
}

// bind shows one directory at another as mount does.
func bind(t *testing.T, from, dir string) (unmount func()) {
	t.Helper()
	return mounted(t, dir, unix.Mount(from, dir, "", unix.MS_BIND, ""))
}

// mounted takes in what came of mounting.
func mounted(t *testing.T, dir string, err error) (unmount func()) {
	t.Helper()
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		t.Skipf("SKIPPED, NOT PASSED: mounting is not permitted: %v", err)
	}
	must(t, err)
	done := false
	unmount = func() {
		if !done {
			done = true
			must(t, unix.Unmount(dir, unix.MNT_DETACH))
		}
	}
	t.Cleanup(unmount)
	return unmount
}

// TestAnUnmountedDirectory holds that a directory which another file system covers is lost, and
// that one is which was on a file system of its own.
func TestAnUnmountedDirectory(t *testing.T) {
	b := lie(t, nil)
	b.Read(Change{})
	uncover := mount(t, b.dir)
	b.want("covered", b.Read(b.settled()), "c.yaml=c, PR0109 policy")
	uncover()
	b.want("uncovered", b.Read(b.settled()), "c.yaml=c, a.yaml=a, b.yaml=b")
}

// TestAMountBelow holds that a folder that was a mount with files is lost when it is none, though
// other files are there and also in it, and also when another process saw the mount.
func TestAMountBelow(t *testing.T) {
	for name, mount := range map[string]func(t *testing.T, dir string) func(){
		"another file system": mount,
		"a bind mount of the same file system": func(t *testing.T, dir string) func() {
			t.Helper()
			return bind(t, t.TempDir(), dir)
		},
	} {
		t.Run(name, func(t *testing.T) { belowAMount(t, mount) })
	}
}

func belowAMount(t *testing.T, mount func(t *testing.T, dir string) func()) {
	t.Helper()
	b := lie(t, nil)
	sub := filepath.Join(b.dir, "sub")
	must(t, os.Mkdir(sub, 0o700))
	unmount := mount(t, sub)
	b.write("sub/d.yaml", "d")
	r := b.Read(Change{})
	b.want("mounted", r, "c.yaml=c, a.yaml=a, b.yaml=b, d.yaml=d")
	if len(r.Mounts) != 1 || r.Mounts[0] != sub {
		t.Fatalf("mounts: %v, want %s", r.Mounts, sub)
	}
	unmount()
	b.want("unmounted", b.Read(b.settled()), "c.yaml=c, a.yaml=a, b.yaml=b, PR0109 sub")
	b.want("still unmounted", b.Read(b.settled()), "c.yaml=c, a.yaml=a, b.yaml=b, PR0109 sub")
	next := b.again(nil)
	next.ExpectMounts(r.Mounts)
	b.want("at the next start", next.Read(Change{}), "c.yaml=c, a.yaml=a, b.yaml=b, PR0109 sub")
	b.write("sub/d.yaml", "plain")
	b.want("files in its place", b.Read(b.settled()), "c.yaml=c, a.yaml=a, b.yaml=b, d.yaml=plain, PR0109 sub")
	b.want("at the next start, with files in its place", next.Read(Change{}), "c.yaml=c, a.yaml=a, b.yaml=b, d.yaml=plain, PR0109 sub")
	told := b.again(func(o *Options) { o.AllowEmpty = []string{sub} })
	told.ExpectMounts(r.Mounts)
	b.want("where that is meant", told.Read(Change{}), "c.yaml=c, a.yaml=a, b.yaml=b, d.yaml=plain")
	mount(t, sub)
	b.write("sub/d.yaml", "again")
	b.want("mounted again", b.Read(b.settled()), "c.yaml=c, a.yaml=a, b.yaml=b, d.yaml=again")
}

// TestASymlinkToAnotherFileSystem holds that it may be pointed elsewhere, and is lost where
// nothing is.
func TestASymlinkToAnotherFileSystem(t *testing.T) {
	b := lie(t, nil)
	far, near, link := t.TempDir(), t.TempDir(), filepath.Join(b.dir, "sub")
	mount(t, far)
	put(t, filepath.Join(far, "d.yaml"), "far")
	put(t, filepath.Join(near, "d.yaml"), "near")
	must(t, os.Symlink(far, link))
	b.want("far", b.Read(Change{}), "c.yaml=c, a.yaml=a, b.yaml=b, d.yaml=far")
	must(t, os.Remove(link))
	must(t, os.Symlink(t.TempDir(), link))
	b.want("pointed to nothing", b.Read(b.settled()), "c.yaml=c, a.yaml=a, b.yaml=b, PR0109 sub")
	must(t, os.Remove(link))
	must(t, os.Symlink(near, link))
	b.want("pointed elsewhere", b.Read(b.settled()), "c.yaml=c, a.yaml=a, b.yaml=b, d.yaml=near")
}
