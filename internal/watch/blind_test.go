package watch

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

// TestBlind holds that what cannot be watched is known and told, once, and that it is known when it
// can be again.
func TestBlind(t *testing.T) {
	var log bytes.Buffer
	w := &Watcher{options: Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}}
	for i, step := range []struct {
		failed error
		blind  bool
		lines  int
	}{{nil, false, 0}, {errors.New("no space left on device"), true, 1}, {errors.New("no space left on device"), true, 1}, {nil, false, 2}, {nil, false, 2}} {
		w.sees(step.failed)
		if got := strings.Count(log.String(), "\n"); w.Blind() != step.blind || got != step.lines {
			t.Errorf("step %d: blind %v after %d lines, want %v after %d", i, w.Blind(), got, step.blind, step.lines)
		}
	}
}
