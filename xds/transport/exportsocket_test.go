//go:build unix

package transport

import "os"

// OpenOwn opens a folder that was just made.
func OpenOwn(folder string) (*os.Root, error) { return openOwn(folder) }
