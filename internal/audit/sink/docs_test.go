package sink

import (
	"os"
	"strings"
	"testing"
)

// TestTheDocumentedFileIsRead takes the example of docs/audit.md.
func TestTheDocumentedFileIsRead(t *testing.T) {
	b, err := os.ReadFile("../../../docs/audit.md")
	must(t, err)
	_, rest, _ := strings.Cut(string(b), "## Sinks")
	_, rest, _ = strings.Cut(rest, "```yaml\n")
	text, _, found := strings.Cut(rest, "```")
	c, err := Parse("sinks.yaml", []byte(text))
	must(t, err)
	if !found || len(c.Webhooks) != 2 || len(c.OTLP) != 1 || len(c.Syslog) != 1 || c.Spool != DefaultBounds() {
		t.Errorf("read as %+v", c)
	}
}
