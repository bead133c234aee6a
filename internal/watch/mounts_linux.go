package watch

import (
	"golang.org/x/sys/unix"
)

// openMounts opens the table of mounts, whose changes are told by poll, or returns -1.
func openMounts() int {
	fd, err := unix.Open("/proc/self/mountinfo", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1 // without /proc a mount is seen at the next rescan
	}
	return fd
}
