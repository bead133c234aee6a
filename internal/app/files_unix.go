//go:build linux || darwin

package app

import (
	"math"
	"syscall"
)

// openFiles returns how many files the process may open. The runtime has raised the limit as far as it may.
func openFiles() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return math.MaxUint64 // it is not known, and --xds-max-connections alone counts
	}
	return limit.Cur
}
