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
	var peer *unix.Ucred
	var asked error
	if err := raw.Control(func(fd uintptr) { peer, asked = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); err != nil || asked != nil {
		return nil
	}
	return &identity.User{UID: peer.Uid, GID: peer.Gid, PID: peer.Pid}
}
