package disk

import (
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Magic numbers that golang.org/x/sys/unix does not have, as the file systems define them.
const (
	vboxsf = 0x786f4256
	vmhgfs = 0xbacbacbc
	prlfs  = 0x7c7c6673
	gfs2   = 0x01161970
	lustre = 0x0bd00bd0
	beegfs = 0x19830326
	gpfs   = 0x47504653
	orange = 0x20030528
	panfs  = 0xaad7aaea
)

// remote reports whether other machines may write to a file system, or a process that serves
// it: this kernel sees neither their writers nor their changes.
func remote(kind uint32) bool {
	switch kind {
	case unix.NFS_SUPER_MAGIC, unix.SMB_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, unix.NCP_SUPER_MAGIC,
		unix.FUSE_SUPER_MAGIC, // virtiofs, sshfs and glusterfs too
		unix.V9FS_MAGIC, unix.HOSTFS_SUPER_MAGIC, vboxsf, vmhgfs, prlfs,
		unix.CEPH_SUPER_MAGIC, unix.AFS_FS_MAGIC, unix.AFS_SUPER_MAGIC, unix.CODA_SUPER_MAGIC, unix.OCFS2_SUPER_MAGIC,
		gfs2, lustre, beegfs, gpfs, orange, panfs:
		return true
	}
	return false
}

// remoteFile says of one that cannot be asked that it is remote: then nothing is concluded
// from its seeming to have no writer.
func remoteFile(f *os.File) bool {
	raw, err := f.SyscallConn()
	if err != nil {
		return true
	}
	out := true
	_ = raw.Control(func(fd uintptr) {
		var s unix.Statfs_t
		if unix.Fstatfs(int(fd), &s) == nil {
			out = remote(uint32(s.Type))
		}
	})
	return out
}

func remotePath(path string) (bool, error) {
	var s unix.Statfs_t
	for {
		switch err := unix.Statfs(path, &s); err {
		case nil:
			return remote(uint32(s.Type)), nil
		case unix.EINTR:
		default:
			return true, &fs.PathError{Op: "statfs", Path: path, Err: err}
		}
	}
}
