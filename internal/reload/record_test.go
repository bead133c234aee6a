package reload_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/portreeve/portreeve/internal/input"
	"github.com/portreeve/portreeve/internal/reload"
	"github.com/portreeve/portreeve/internal/state"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// writings are files that are written at once.
type writings struct {
	files      map[string]string
	unreadable diag.List
}

func (w *writings) Read(input.Change) input.Reading {
	out := input.Reading{Unreadable: w.unreadable, Taken: func(string) string { return "" }}
	for _, path := range slices.Sorted(maps.Keys(w.files)) {
		out.Files = append(out.Files, source.File{Path: path, Content: []byte(w.files[path])})
	}
	return out
}

var _ reload.Recorder = (*record)(nil)

// record keeps what it is told, unless it fails, and replays it.
type record struct {
	t  *testing.T
	mu sync.Mutex
	// fails is why it takes nothing.
	fails error
	tried []reload.GenerationRead
	reads []reload.GenerationRead
	// published is what was told of groups, and groups are what comes of it.
	published []reload.GenerationPublished
	groups    map[string]reload.GroupStanding
	latest    *reload.Reading
	// edits are the numbers of those that are on record.
	edits map[string]bool
}

var numbered = regexp.MustCompile(`/edit-\d+`)

func (r *record) Read(_ context.Context, told reload.GenerationRead) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tried = append(r.tried, told)
	if r.fails != nil {
		return r.fails
	}
	if n := len(r.reads); n > 0 && told.Seq <= r.reads[n-1].Seq {
		r.t.Errorf("generation %d was told after %d", told.Seq, r.reads[n-1].Seq)
	}
	r.reads = append(r.reads, told)
	for _, f := range slices.Concat(told.Files.Added.First, told.Files.Changed.First) {
		for _, edit := range numbered.FindAllString(string(f.Content), -1) {
			r.edits[edit] = true
		}
	}
	return nil
}

func (r *record) Published(told reload.GenerationPublished) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if told.Changed == 0 && told.Cause != reload.CauseGeneration {
		r.t.Errorf("an event of no change: %+v", told)
	}
	r.published = append(r.published, told)
	r.latest = told.Latest
	for _, g := range told.Groups {
		if g.Standing == reload.Left {
			delete(r.groups, g.Key)
			continue
		}
		if g.Serving != nil && g.Serving.Seq > 0 && !slices.ContainsFunc(r.reads, func(read reload.GenerationRead) bool { return read.Reading == *g.Serving }) {
			r.t.Errorf("%s is served generation %d, which is not on record", g.Key, g.Serving.Seq)
		}
		r.groups[g.Key] = g
	}
	var counts reload.Counts
	for _, g := range r.groups {
		switch g.Standing {
		case reload.Served:
			counts.Served++
		case reload.Refused:
			counts.Refused++
		case reload.Waiting:
			counts.Waiting++
		case reload.Failed:
			counts.Failed++
		case reload.Left:
		}
	}
	if told.Part == told.Parts && counts != told.Counts {
		r.t.Errorf("counts %+v, but what was told comes to %+v", told.Counts, counts)
	}
}

// last returns the last that was told of groups, and forgets it.
func (r *record) last() []reload.GenerationPublished {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.published
	r.published = nil
	return out
}

// plane is a reloader that is recorded.
type plane struct {
	*reload.Reloader
	t         *testing.T
	files     *writings
	ring      *keyring
	publisher *publisher
	record    *record
	access    *access
	clock     *clock
	log       bytes.Buffer
	metrics   *prometheus.Registry
	state     *state.Dir
}

func newPlane(t *testing.T, files map[string]string) *plane {
	t.Helper()
	p := &plane{t: t, files: &writings{files: map[string]string{"gateway.yaml": listener}}, ring: &keyring{}, access: &access{}, clock: newClock(time.Now())}
	maps.Copy(p.files.files, files)
	p.begin()
	return p
}

// begin starts a process that has read nothing.
func (p *plane) begin() {
	p.t.Helper()
	p.publisher = &publisher{sent: map[string][]map[string]string{}, asks: p.onRecord}
	edits := map[string]bool{}
	if p.record != nil {
		edits = p.record.edits // what the process before has recorded is on record
	}
	p.record = &record{t: p.t, groups: map[string]reload.GroupStanding{}, edits: edits}
	p.metrics = prometheus.NewRegistry()
	r, err := reload.New(reload.Options{
		Publisher: p.publisher, Files: p.files, Settings: model.DefaultSettings(), Keyring: p.ring, Access: p.access, State: p.state, Record: p.record, Logger: slog.New(slog.NewTextHandler(&p.log, nil)),
		Metrics: reload.NewMetrics(p.metrics), Now: p.clock.now,
	})
	must(p.t, err)
	p.Reloader = r
	p.metrics.MustRegister(reload.NewGroupMetrics(r))
}

// onRecord holds that what is published was recorded before.
func (p *plane) onRecord(s *snapshot.Snapshot) {
	for name := range s.GetResources(resourcev3.ExtensionConfigType) {
		for _, edit := range numbered.FindAllString(string(s.Encoded(resourcev3.ExtensionConfigType, name).GetValue()), -1) {
			if !p.record.edits[edit] {
				p.t.Errorf("%s is published and not on record", edit)
			}
		}
	}
}

// read reads, a second later.
func (p *plane) read() {
	p.t.Helper()
	p.clock.pass(time.Second)
	must(p.t, p.Reload(p.t.Context(), input.Change{}))
}

// replayed holds that what was told comes to the status.
func (p *plane) replayed() {
	p.t.Helper()
	status, told := p.Status(), maps.Clone(p.record.groups)
	if len(status.Groups) != len(told) {
		p.t.Errorf("%d groups are on record, %d in the status", len(told), len(status.Groups))
	}
	for _, g := range status.Groups {
		got := told[g.Key()]
		if diff := cmp.Diff(g.Serving, got.Serving); diff != "" {
			p.t.Errorf("%s is served (-status +record):\n%s", g.Key(), diff)
		}
		if diff := cmp.Diff(slices.Concat(g.Refused.Lines(), g.Waiting), slices.Concat(got.Refused.Lines(), got.Waiting)); diff != "" {
			p.t.Errorf("the latest is kept from %s by (-status +record):\n%s", g.Key(), diff)
		}
	}
	if status.Latest != nil && len(p.record.reads) > 0 && *status.Latest != p.record.reads[len(p.record.reads)-1].Reading {
		p.t.Errorf("the latest is %+v, the last on record %+v", status.Latest, p.record.reads[len(p.record.reads)-1].Reading)
	}
}

var errRecord = errors.New("the disk of the record is full")
