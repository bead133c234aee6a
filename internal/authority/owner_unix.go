//go:build unix

package authority

import (
	"io/fs"
	"syscall"
)

// ownerOf returns whose a file is.
func ownerOf(info fs.FileInfo) Owner {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return Owner{}
	}
	return Owner{named: true, uid: int(stat.Uid), gid: int(stat.Gid), group: info.Mode().Perm()&0o040 != 0}
}
