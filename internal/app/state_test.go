package app

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portreeve/portreeve/internal/state"
	"github.com/portreeve/portreeve/translate/source"
)

// TestTheStateHasRoomForWhatMayBeRead holds that who raises or lowers what may be read does so for
// what is kept: here so far that a generation of a kilobyte has no room.
func TestTheStateHasRoomForWhatMayBeRead(t *testing.T) {
	for limit, kept := range map[int64]bool{100: false, 1000: true} {
		var log bytes.Buffer
		a := &App{options: Options{StateDir: t.TempDir(), Limits: source.Limits{Bytes: limit}, Logger: slog.New(slog.NewTextHandler(&log, nil))}, registry: prometheus.NewRegistry()}
		if _, err := a.openState(); err != nil {
			t.Fatal(err)
		}
		s := state.NewSaver(a.state, func() state.Content {
			return state.Content{At: time.Unix(1, 0), Generations: []state.Generation{{Hash: "g", Files: []state.File{{Path: "a", Content: bytes.Repeat([]byte("x"), 1000)}}}}}
		})
		s.Save()
		s.Close()
		if err := a.state.Close(); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(a.options.StateDir, "generations.json"))
		if err != nil || bytes.Contains(text, []byte(`"hash":"g"`)) != kept {
			t.Errorf("with at most %d bytes to read it is %s, %v", limit, text, err)
		}
	}
}
