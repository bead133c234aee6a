//go:build !unix

package chain

import (
	"errors"
	"os"
)

// flock says that this system has no such lock.
func flock(*os.File) error { return errors.ErrUnsupported }
