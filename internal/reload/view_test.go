package reload_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portreeve/portreeve/internal/input"
	"github.com/portreeve/portreeve/internal/reload"
	"github.com/portreeve/portreeve/translate/model"
)

// slowFiles take as long to read as the test wants.
type slowFiles struct {
	*input.Reader
	reading, end chan struct{}
}

func (f slowFiles) Read(change input.Change) input.Reading {
	f.reading <- struct{}{}
	<-f.end
	return f.Reader.Read(change)
}

// TestNobodyWaitsForAReading holds that status, metrics and gateways that come and go do not wait
// while files are read.
func TestNobodyWaitsForAReading(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "gateway.yaml", listener)
	files := slowFiles{files(input.Options{Dirs: []string{dir}}), make(chan struct{}), make(chan struct{})}
	registry := prometheus.NewRegistry()
	r, err := reload.New(reload.Options{
		Publisher: &publisher{sent: map[string][]map[string]string{}}, Files: files, Settings: model.DefaultSettings(), Keyring: &keyring{}, Logger: slog.New(slog.DiscardHandler),
		Metrics: reload.NewMetrics(registry), Now: newClock(time.Now().Add(time.Hour)).now,
	})
	must(t, err)
	registry.MustRegister(reload.NewCertificates(r), reload.NewGroupMetrics(r))
	for range 2 { // the first reading, and a later one
		read := make(chan error, 1)
		go func() { read <- r.Reload(t.Context(), input.Change{}) }()
		<-files.reading
		r.Join(group())
		r.Status()
		if _, err := registry.Gather(); err != nil {
			t.Error(err)
		}
		r.Serving(group().Key)
		r.Leave(group())
		files.end <- struct{}{}
		must(t, <-read)
		write(t, dir, "a.yaml", policy("a", "/a"))
	}
}
