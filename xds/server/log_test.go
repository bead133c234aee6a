package server

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/portreeve/portreeve/xds/node"
)

// TestConnectionsDoNotFillTheLog holds that a fleet that comes back is told of, and a flood is not.
func TestConnectionsDoNotFillTheLog(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	c := newConnectionLog(func() time.Time { return time.Unix(0, 0) })
	id := node.Identity{ID: strings.Repeat("i", 1<<10), Group: node.Group{Key: strings.Repeat("g", 1<<16)}}
	connect := func() {
		if line, ok := c.line(id); ok {
			logger.Info("gateway connected", line...)
		}
	}
	for range 1000 {
		connect()
	}
	if lines := strings.Count(log.String(), "\n"); lines != 1000 {
		t.Errorf("%d lines of a fleet of a thousand", lines)
	}
	for range 2000 {
		connect()
	}
	if lines := strings.Count(log.String(), "\n"); lines != connectionLines || log.Len() > lines<<10 {
		t.Errorf("%d lines of %d bytes", lines, log.Len())
	}
}
