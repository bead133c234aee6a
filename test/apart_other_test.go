//go:build !linux

package test

import "testing"

// apart can have no network namespace here, and would listen on more than loopback.
func apart(t *testing.T) (done bool) {
	t.Helper()
	t.Skip("SKIPPED, NOT PASSED: network namespaces are of Linux")
	return true
}
