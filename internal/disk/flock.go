package disk

import "errors"

// ErrHeld says that another process has the lock of a file.
var ErrHeld = errors.New("held")
