package disk

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"
)

// mountOf asks for the number of the mount that a path is on: a bind mount has one of its own,
// unlike a device number, also where it shows another folder of the same file system.
func mountOf(path string) (uint64, bool, error) {
	var s unix.Statx_t
	for {
		switch err := unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_MNT_ID, &s); {
		case err == nil:
			return s.Mnt_id, s.Mask&unix.STATX_MNT_ID != 0, nil
		case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM): // an old kernel, or a filter of system calls
			return 0, false, nil
		case !errors.Is(err, unix.EINTR):
			return 0, false, &fs.PathError{Op: "statx", Path: path, Err: err}
		}
	}
}
