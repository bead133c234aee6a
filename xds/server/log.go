package server

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/envoyproxy/go-control-plane/pkg/log"

	"github.com/portreeve/portreeve/xds/node"
	"github.com/portreeve/portreeve/xds/pace"
)

// connectionLines are how many lines a minute tell of gateways that come, and as many of those that
// go: a fleet of a thousand that comes back is told of whole.
const connectionLines = 1200

// connectionLog tells of gateways that come or go.
type connectionLog struct{ limit *pace.Limit }

func newConnectionLog(now func() time.Time) connectionLog {
	return connectionLog{pace.New(connectionLines, connectionLines, now)}
}

// line returns what a line says, or false where enough were logged in this minute. What the peer
// says of itself is cut.
func (c connectionLog) line(id node.Identity) ([]any, bool) {
	more, ok := c.limit.Take("")
	return append([]any{"node", node.Cut(id.ID), "group", node.Cut(id.Group.Key), "envoy", id.Envoy}, more...), ok
}

// bridge hands what the discovery library logs to slog, at debug whatever level the library gives
// it: it tells of the protocol; what an operator needs is logged where it is understood.
type bridge struct{ logger *slog.Logger }

var _ log.Logger = bridge{}

// Debugf implements log.Logger.
func (b bridge) Debugf(format string, args ...any) { b.write("debug", format, args) }

// Infof implements log.Logger.
func (b bridge) Infof(format string, args ...any) { b.write("info", format, args) }

// Warnf implements log.Logger.
func (b bridge) Warnf(format string, args ...any) { b.write("warn", format, args) }

// Errorf implements log.Logger.
func (b bridge) Errorf(format string, args ...any) { b.write("error", format, args) }

func (b bridge) write(level, format string, args []any) {
	// Formatting lists every name of a type, so it is left out where nobody reads it.
	if b.logger.Enabled(context.Background(), slog.LevelDebug) {
		b.logger.Debug("xds library", "level", level, "text", fmt.Sprintf(format, args...))
	}
}
