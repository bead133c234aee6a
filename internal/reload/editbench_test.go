package reload_test

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portreeve/portreeve/internal/input"
	"github.com/portreeve/portreeve/internal/reload"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
)

// BenchmarkEdit measures an edit of one of many policies, each in a file of its own, from what was read to
// what is published to a few groups of gateways, and the memory that is live after it.
func BenchmarkEdit(b *testing.B) {
	for _, c := range []struct {
		policies, groups int
		record           reload.Recorder
	}{{1000, 1, nil}, {10_000, 1, nil}, {10_000, 1, forgetful{}}, {10_000, 10, nil}} {
		b.Run(fmt.Sprintf("policies=%d/groups=%d/recorded=%t", c.policies, c.groups, c.record != nil), func(b *testing.B) {
			files, sent := &inMemory{}, &counter{}
			for i := range c.policies {
				content := policy(fmt.Sprintf("policy-%d", i), fmt.Sprintf("/admin-%d", i))
				files.files = append(files.files, source.File{Path: fmt.Sprintf("%05d.yaml", i), Content: []byte(content)})
			}
			files.files = append(files.files, source.File{Path: "gateway.yaml", Content: []byte(listener)})
			r, err := reload.New(reload.Options{
				Publisher: sent, Files: files, Settings: model.DefaultSettings(), Keyring: &keyring{}, Logger: slog.New(slog.DiscardHandler),
				Metrics: reload.NewMetrics(prometheus.NewRegistry()), Now: time.Now, Record: c.record,
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
			for i := range c.groups {
				r.Join(gatewayOf(fmt.Sprint(i)))
			}
			b.ReportAllocs()
			edits := 0
			for b.Loop() {
				edits++
				files.edit(policy("policy-0", fmt.Sprintf("/edited-%d", edits)))
				read()
			}
			if want := c.groups * (edits + 1); sent.sets != want {
				b.Errorf("published %d times, want %d", sent.sets, want)
			}
			b.ReportMetric(float64(live())/float64(c.policies), "live-B/policy")
			runtime.KeepAlive(r)
		})
	}
}

// forgetful is told of everything and keeps nothing, so that what telling costs is measured.
type forgetful struct{}

func (forgetful) Read(context.Context, reload.GenerationRead) error { return nil }
func (forgetful) Published(reload.GenerationPublished)              {}

// live returns how many bytes are in use once all that nobody needs is collected.
func live() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
