//go:build unix

package transport_test

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/portreeve/portreeve/xds/identity"
	"github.com/portreeve/portreeve/xds/transport"
)

// socketPath is a path for a socket, in a folder whose own is short.
func socketPath(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "xds-") //nolint:usetesting // that of the test may be too long for a socket
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "xds.sock")
}

func listen(t testing.TB, path, mode, owner, group string) (net.Listener, error) {
	t.Helper()
	a, err := transport.ParseAddress("unix://" + path)
	must(t, err)
	rights, err := transport.ParseRights(mode, owner, group)
	must(t, err)
	return transport.Listen(t.Context(), a, rights)
}

// TestASocketHasItsRights holds the mode, the owner and the group, whatever umask says, and that the socket goes with its listener.
func TestASocketHasItsRights(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	own := strconv.Itoa(os.Getuid())
	for _, c := range []struct {
		mode, group string
		want        os.FileMode
		gid         uint32
	}{{"", "", 0o600, uint32(os.Getgid())}, {"0660", strconv.Itoa(os.Getgid()), 0o660, uint32(os.Getgid())}, {"777", "", 0o777, uint32(os.Getgid())}} {
		path := socketPath(t)
		l, err := listen(t, path, c.mode, own, c.group)
		must(t, err)
		info, err := os.Lstat(path)
		must(t, err)
		if stat := info.Sys().(*syscall.Stat_t); info.Mode() != os.ModeSocket|c.want || stat.Gid != c.gid || int(stat.Uid) != os.Getuid() {
			t.Errorf("with %+v the socket is %v of %d:%d", c, info.Mode(), stat.Uid, stat.Gid)
		}
		must(t, l.Close())
		must(t, l.Close())
		if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) > 0 {
			t.Errorf("what stays is %v, %v", entries, err)
		}
	}
	if os.Getuid() != 0 {
		t.Skip("only root can give a socket away")
	}
	path := socketPath(t)
	l, err := listen(t, path, "", "65533", "65532")
	must(t, err)
	defer l.Close()
	info, err := os.Lstat(path)
	must(t, err)
	if stat := info.Sys().(*syscall.Stat_t); stat.Uid != 65533 || stat.Gid != 65532 {
		t.Errorf("the socket is of %d:%d", stat.Uid, stat.Gid)
	}
}

// TestTheLongestPathCanBeListenedOn holds that what an address may be, the system takes.
func TestTheLongestPathCanBeListenedOn(t *testing.T) {
	folder := filepath.Dir(socketPath(t))
	folder = filepath.Join(folder, strings.Repeat("a", 99-len(folder)-1))
	must(t, os.Mkdir(folder, 0o700))
	for _, name := range []string{"b", "bcdefgh"} {
		l, err := listen(t, filepath.Join(folder, name), "", "", "")
		must(t, err)
		if got := l.Addr().String(); got != filepath.Join(folder, name) {
			t.Errorf("it is listened on %s", got)
		}
		must(t, l.Close())
	}
}

// TestWhatStandsAtThePathIsRespected holds that a socket nobody listens on is replaced, and that one in use and a file of
// another kind are errors that change nothing.
func TestWhatStandsAtThePathIsRespected(t *testing.T) {
	path := socketPath(t)
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	must(t, err)
	stale.SetUnlinkOnClose(false)
	must(t, stale.Close())
	l, err := listen(t, path, "", "", "")
	must(t, err)
	if _, err := listen(t, path, "", "", ""); err == nil || !strings.Contains(err.Error(), "another process listens there") {
		t.Errorf("one in use gives %v", err)
	}
	if c, err := net.Dial("unix", path); err != nil {
		t.Errorf("it is not listened on any more: %v", err)
	} else {
		_ = c.Close()
	}
	// Somebody else has put a socket there: that one stays.
	must(t, os.Remove(path))
	other, err := listen(t, path, "", "", "")
	must(t, err)
	must(t, l.Close())
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("another's socket was removed: %v", err)
	}
	must(t, other.Close())

	must(t, os.WriteFile(path, []byte("precious"), 0o600))
	if _, err := listen(t, path, "", "", ""); err == nil || !strings.Contains(err.Error(), "another kind") {
		t.Errorf("a file gives %v", err)
	}
	if content, err := os.ReadFile(path); err != nil || string(content) != "precious" {
		t.Errorf("the file holds %q, %v", content, err)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("what stays beside is %v, %v", entries, err)
	}
	if _, err := listen(t, filepath.Join(path, "none", "xds.sock"), "", "", ""); err == nil {
		t.Error("a folder that is not there gives no error")
	}
}

// TestOfTwoThatStartOneListens holds that control planes which start at one time never take each other's socket, also
// where an earlier one was killed.
func TestOfTwoThatStartOneListens(t *testing.T) {
	for range 20 {
		path := socketPath(t)
		stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		must(t, err)
		stale.SetUnlinkOnClose(false)
		must(t, stale.Close())
		listeners := make(chan net.Listener, 4)
		var all sync.WaitGroup
		for range cap(listeners) {
			all.Go(func() {
				if l, err := listen(t, path, "", "", ""); err == nil {
					listeners <- l
				}
			})
		}
		all.Wait()
		close(listeners)
		count := 0
		for l := range listeners {
			count++
			must(t, l.Close())
		}
		if count != 1 {
			t.Fatalf("%d listen", count)
		}
	}
}

// TestRightsThatAreNone holds that a mode, a user and a group are checked before anything starts.
func TestRightsThatAreNone(t *testing.T) {
	for _, c := range []struct{ mode, owner, group, want string }{
		{"rw", "", "", `mode "rw"`}, {"0888", "", "", "octal"}, {"1777", "", "", "octal"}, {"-1", "", "", "octal"},
		{"", "nobody-of-this-name", "", `user "nobody-of-this-name"`}, {"", "", "no-such-group", `group "no-such-group"`}, {"", "-1", "", `user "-1"`}, {"", "4294967295", "", "no number that counts"},
	} {
		if _, err := transport.ParseRights(c.mode, c.owner, c.group); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v gives %v", c, err)
		}
	}
}

// wrapped is a connection in another.
type wrapped struct{ net.Conn }

func (w wrapped) NetConn() net.Conn { return w.Conn }

// TestASocketTellsWhoConnects holds that the user at the other end is known, also through what wraps the connection, and that
// no other transport claims one.
func TestASocketTellsWhoConnects(t *testing.T) {
	l, err := listen(t, socketPath(t), "", "", "")
	must(t, err)
	defer l.Close()
	c, err := net.Dial("unix", l.Addr().String())
	must(t, err)
	defer c.Close()
	accepted, err := l.Accept()
	must(t, err)
	defer accepted.Close()
	_, info, err := transport.WithoutTLS(transport.Of(l.Addr())).ServerHandshake(wrapped{wrapped{accepted}})
	must(t, err)
	want := identity.User{UID: uint32(os.Getuid()), GID: uint32(os.Getgid()), PID: int32(os.Getpid())}
	if got := info.(identity.Info).Proof; got.Transport != identity.Unix || got.User == nil || *got.User != want {
		t.Errorf("the peer is %+v, want %+v", got.User, want)
	}
	for _, other := range []identity.Transport{identity.Loopback, identity.Plain} {
		_, info, err := transport.WithoutTLS(other).ServerHandshake(accepted)
		must(t, err)
		if got := info.(identity.Info).Proof; got.Transport != other || got.User != nil || got.Certificates != nil {
			t.Errorf("the proof is %+v", got)
		}
	}
}

// TestAFolderThatOthersCanChangeIsNotUsed holds that a socket is given away only from a folder that nobody else has put there.
func TestAFolderThatOthersCanChangeIsNotUsed(t *testing.T) {
	folder := t.TempDir()
	for mode, own := range map[os.FileMode]bool{0o700: true, 0o500: true, 0o770: false, 0o701: false} {
		must(t, os.Chmod(folder, mode))
		room, err := transport.OpenOwn(folder)
		if (err == nil) != own {
			t.Errorf("%v: %v", mode, err)
		}
		if err == nil {
			must(t, room.Close())
		}
	}
	if os.Geteuid() != 0 {
		return
	}
	must(t, os.Chmod(folder, 0o700))
	must(t, os.Chown(folder, 12345, 12345))
	if _, err := transport.OpenOwn(folder); err == nil {
		t.Error("one of another user is used")
	}
}
