package reload_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portreeve/portreeve/internal/input"
	"github.com/portreeve/portreeve/internal/reload"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// inMemory are files that are read at once, so that only what follows is measured.
type inMemory struct{ files []source.File }

func (f *inMemory) Read(input.Change) input.Reading { return input.Reading{Files: f.files} }

// edit puts other content into the first file.
func (f *inMemory) edit(content string) {
	f.files = slices.Clone(f.files)
	f.files[0].Content = []byte(content)
}

// counter counts what is published.
type counter struct{ sets int }

func (c *counter) Set(context.Context, string, *snapshot.Snapshot) error { c.sets++; return nil }
func (c *counter) Resume(string, *snapshot.Snapshot)                     {}

// BenchmarkNothingToSend measures, with 10,000 policies and ten groups of gateways, what sends
// nothing: an edit that is refused for all of them, and keys that are what they were.
func BenchmarkNothingToSend(b *testing.B) {
	files, sent := &inMemory{}, &counter{}
	for i := range 10000 {
		content := policy(fmt.Sprintf("policy-%d", i), fmt.Sprintf("/admin-%d", i))
		files.files = append(files.files, source.File{Path: fmt.Sprintf("%05d.yaml", i), Content: []byte(content)})
	}
	files.files = append(files.files, source.File{Path: "gateway.yaml", Content: []byte(listener)})
	good := string(files.files[0].Content)
	r, err := reload.New(reload.Options{
		Publisher: sent, Files: files, Settings: model.DefaultSettings(), Keyring: &keyring{}, Logger: slog.New(slog.DiscardHandler),
		Metrics: reload.NewMetrics(prometheus.NewRegistry()), Now: time.Now,
	})
	if err != nil {
		b.Fatal(err)
	}
	read := func() {
		if err := r.Reload(b.Context(), input.Change{}); err != nil {
			b.Fatal(err)
		}
	}
	read()
	for i := range 10 {
		r.Join(gatewayOf(fmt.Sprint(i)))
	}
	b.Run("a broken edit", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			files.edit(strings.Replace(good, "DENY", fmt.Sprintf("DENY%d", i), 1))
			read()
		}
	})
	b.Run("the same keys", func(b *testing.B) {
		for b.Loop() {
			if err := r.RotateKeys(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
	if sent.sets != 10 {
		b.Errorf("published %d times, want once to each group", sent.sets)
	}
}
