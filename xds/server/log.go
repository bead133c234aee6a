package server

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/envoyproxy/go-control-plane/pkg/log"
)

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
