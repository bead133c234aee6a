//go:build !linux

package disk

import "os"

// lease is none: only Linux can be asked for writers.
type lease struct{}

func hold(*os.File) *lease { return &lease{} }

func (l *lease) yield() {}

func (l *lease) release() Writer { return WriterUnknown }

// remoteFile and remotePath need not be known where no writer is.
func remoteFile(*os.File) bool { return false }

func remotePath(path string) (bool, error) {
	_, err := os.Stat(path)
	return false, err
}
