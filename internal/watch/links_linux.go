package watch

import (
	"io/fs"
	"syscall"
)

// linked reports whether a file has other names, under which it may be written to.
func linked(info fs.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && s.Nlink > 1
}
