package reload

import (
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/portreeve/portreeve/internal/input"
	"github.com/portreeve/portreeve/internal/state"
	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
)

// reader makes generations: of the files, and of what an earlier process kept of them. It is for
// one goroutine at a time, except that unfinished may be asked for at any time.
//
// It makes them without fetched keys, which are the history's, and numbers them in the order in
// which they are read.
type reader struct {
	files    Files
	settings model.Settings
	now      func() time.Time
	logger   *slog.Logger
	metrics  *Metrics
	seq      uint64
	// digests are those of the files that were read last.
	digests digests
	// known is what was written when that was last taken, here or by an earlier process, so that what a
	// generation changes is told over a restart, over readings that failed and over generations that were
	// held back.
	known    known
	recorded bool
	// draft is the last generation, until it is taken.
	draft *draft
	// unfinished is never nil.
	unfinished atomic.Pointer[unfinished]
}

// known is what is known to be written: the objects and, where generations are recorded, the files and the
// certificates.
type known struct {
	inventory    *translate.Inventory
	files        digests
	certificates certificateSet
}

// draft is a generation that was read, and is not the latest yet.
type draft struct {
	*Generation
	// known is what is known once it is taken; files and certificates are what differs then, where that is recorded.
	known        known
	files        FileChanges
	certificates []CertificateChange
}

// unfinished is what the last reading left to be done: when to read again, and what could not be read
// and keeps its last content until then.
type unfinished struct {
	again input.Again
	held  diag.List
}

func newReader(o Options) *reader {
	r := &reader{files: o.Files, settings: o.Settings, now: o.Now, logger: o.Logger, metrics: o.Metrics, recorded: o.Record != nil}
	r.settings.Keys = nil
	r.unfinished.Store(&unfinished{})
	return r
}

// read reads the files and makes a generation of them: nil where they read as the latest does, and the same
// again where they read as one that was not taken. It reports whether what is held has changed. Of what there
// is already, which it asks for once the files are read, it takes what has not changed.
func (r *reader) read(change input.Change, present func() *view) (made *draft, held bool) {
	edited := change.Since
	if edited.IsZero() {
		edited = r.now()
	}
	reading := r.files.Read(change)
	held = r.leave(reading)
	before := present()
	r.digests = r.digests.of(reading.Files)
	hash := hashOf(reading, r.digests, flagsOf(r.settings))
	switch {
	case before.latest != nil && hash == before.latest.Hash:
		r.draft = nil
		return nil, held
	case r.draft == nil || hash != r.draft.Hash:
		r.seq++
		r.draft = r.drafted(newGeneration(r.seq, r.now(), reading, hash, r.settings, before.program(), before.servedCertificates()))
		r.draft.changes, r.draft.edited = r.draft.changes.TakenBy(reading.Taken), edited
	}
	return r.draft, held
}

// drafted works out what a generation changes. Its files were read last.
func (r *reader) drafted(made *Generation) *draft {
	d := &draft{Generation: made}
	d.known.inventory, d.changes = r.known.inventory.Next(made.Program, made.unreadable)
	if r.recorded {
		r.compareFiles(d)
		r.compareCertificates(d)
	}
	return d
}

// compareFiles works out in which files a generation differs. Of a reading that failed in part it is not known
// whether what is missing has gone.
func (r *reader) compareFiles(d *draft) {
	added, changed, missing := r.known.files.compare(r.digests)
	d.files = FileChanges{Added: several(added), Changed: several(changed), Removed: several(missing)}
	d.known.files = r.digests
	if len(d.unreadable) > 0 {
		d.files.Removed, d.files.Unread = Several{}, d.files.Removed
		d.known.files = r.digests.with(missing)
	}
}

func (r *reader) compareCertificates(d *draft) {
	now := certificatesIn(d.Program.Certificates())
	d.certificates, d.known.certificates = r.known.certificates.changes(now), now
	if !d.clean() {
		d.known.certificates = r.known.certificates.with(now)
	}
}

// take says that a generation is the latest from now on.
func (r *reader) take(d *draft) { r.known, r.draft = d.known, nil }

// leave takes in what a reading leaves to be done, and logs what is new of what is held. It reports
// whether anything is.
func (r *reader) leave(reading input.Reading) bool {
	before := r.unfinished.Swap(&unfinished{reading.Again, reading.Held})
	switch {
	case slices.Equal(before.held.Lines(), reading.Held.Lines()):
		return false
	case len(reading.Held) > 0:
		r.logger.Error("files cannot be read and keep what they last held", "count", len(reading.Held))
		tell(r.logger, reading.Held, maxTold)
	default:
		r.logger.Info("all files can be read again")
	}
	r.metrics.held(len(reading.Held))
	return true
}

// recall returns the generations that an earlier process kept, the newest first. They are compiled
// anew, so this program's checks hold for them too.
func (r *reader) recall(stored []state.Generation) []*Generation {
	var out []*Generation
	before := &translate.Program{}
	for _, s := range stored {
		g := r.recompiled(s, before)
		before = g.Program
		out = append(out, g)
	}
	return out
}

// begin makes known what an earlier process kept, before the first reading.
func (r *reader) begin(kept []*Generation) {
	for _, g := range slices.Backward(kept) {
		r.known.inventory, _ = r.known.inventory.Next(g.Program, nil)
	}
	if r.recorded && len(kept) > 0 {
		r.known.files, r.known.certificates = digests{}.of(kept[0].files), certificatesIn(kept[0].Program.Certificates())
	}
}

func (r *reader) recompiled(stored state.Generation, before *translate.Program) *Generation {
	reading := input.Reading{Mounts: stored.Mounts}
	for _, f := range stored.Files {
		reading.Files = append(reading.Files, source.File{Path: f.Path, Content: f.Content})
	}
	served := map[string]bool{}
	for _, fingerprint := range stored.Served {
		served[fingerprint] = true
	}
	settings, hash := in(r.settings, stored.Flags), stored.Hash
	if hash == "" { // else what was found of the directories is part of it, and kept by their names only
		hash = hashOf(reading, digests{}.of(reading.Files), flagsOf(settings))
	}
	g := newGeneration(0, stored.At, reading, hash, settings, before, served)
	g.lost = stored.Lost
	if r.settings.RequireTests && g.tests == nil {
		// It was read without: whoever is served it stays on it, and nobody else gets what no test holds for.
		g.tests = newJudge(g.Program)
	}
	if r.settings.GatewaysFile != "" && g.flags.GatewaysFile == "" {
		// Who wrote policy said who a gateway is, or nobody did. It fails closed.
		g.mappings, g.mapped = nil, false
	}
	return g
}
