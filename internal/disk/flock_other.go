//go:build !unix

package disk

import (
	"errors"
	"os"
)

// Lock says that this system has no such lock.
func Lock(*os.File) error { return errors.ErrUnsupported }
