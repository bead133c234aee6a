//go:build !unix

package authority

import (
	"errors"
	"os"
)

// flock says that this system has no such lock.
func flock(*os.File) error { return errors.ErrUnsupported }
