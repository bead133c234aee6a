//go:build !linux && !darwin

package app

import "math"

// openFiles returns how many files the process may open: no limit is known here.
func openFiles() uint64 { return math.MaxUint64 }
