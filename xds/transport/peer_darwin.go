package transport

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/portreeve/portreeve/xds/identity"
)

// userOf returns who has connected to a Unix socket, or nil where the kernel does not tell: nothing is proved then.
func userOf(c net.Conn) *identity.User {
	s, ok := c.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return nil
	}
	var peer *unix.Xucred
	var pid int
	var asked error
	if err := raw.Control(func(fd uintptr) {
		if peer, asked = unix.GetsockoptXucred(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERCRED); asked == nil {
			pid, asked = unix.GetsockoptInt(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERPID)
		}
	}); err != nil || asked != nil || peer.Ngroups < 1 {
		return nil
	}
	return &identity.User{UID: peer.Uid, GID: peer.Groups[0], PID: int32(pid)} //nolint:gosec // process ids have 32 bits
}
