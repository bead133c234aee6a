//go:build !unix

package fanout

import "time"

// usedCPU is not known here.
func usedCPU() time.Duration { return 0 }

// openFiles is not known here.
func openFiles() uint64 { return 0 }
