//go:build !linux

package test

import (
	"errors"
	"testing"
)

// docsScript is set in the process that becomes the shell of a page, to the script.
const docsScript = "PORTREEVE_TEST_DOCS_SCRIPT"

// docsSession can have no namespaces here.
type docsSession struct{}

func newDocsSession(*testing.T, string, []string) docsSession { return docsSession{} }

func (docsSession) run(t *testing.T) string {
	t.Helper()
	t.Skip("SKIPPED, NOT PASSED: namespaces are of Linux")
	return ""
}

func becomeDocsShell(string) error { return errors.New("namespaces are of Linux") }
