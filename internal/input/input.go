// Package input reads what the control plane is configured with: the directories of policy and
// of secrets, and files that are named one by one. It knows which of the files that are there count, and
// what those held that do not count at this moment.
//
// Missing input is a fault and not an edit. A file that is being written, or that cannot be read
// in time, keeps what it last held; a directory that holds nothing any more is said to be lost. A
// file that was deleted, while others of its directory are there, is gone.
package input

import (
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/portreeve/portreeve/internal/disk"
	"github.com/portreeve/portreeve/internal/ignore"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/source"
)

// Options say what is read, and how.
type Options struct {
	// Dirs are the policy directories, in the order given by the user, SecretsDirs those of secrets.
	Dirs, SecretsDirs []string
	// Files are read beside the directories, each by its name: the mesh configuration and the like.
	Files []string
	// AllowEmpty are the directories, of those above or mounted below them, that may hold nothing
	// and be no mounts any more.
	AllowEmpty []string
	// Exclude takes files of the policy directories away, beside the file of rules in each.
	Exclude *ignore.Rules
	// Limits bound what is read, over all directories.
	Limits source.Limits
	// Quiet is how long a file must have been left alone to count as written. RemoteQuiet is
	// that where nobody can be asked for its writers.
	Quiet, RemoteQuiet time.Duration
	// Writing returns the files that somebody has modified and not yet closed; nil knows of none.
	Writing func() []string
	// Blind reports whether Writing may lack some, as something cannot be watched; nil is never.
	Blind func() bool
	// Disk is what everything is read through.
	Disk   *disk.Disk
	Logger *slog.Logger
	Now    func() time.Time
}

// Change is what is known of the files at the moment of reading, as the watcher tells it.
type Change struct {
	// Unsettled are the files that are still in motion.
	Unsettled []string
	// Settled are the files and directories that something happened to and that have come to rest.
	Settled []string
	// Complete are the files, or the symlinks to directories, that were renamed into place.
	Complete []string
	// At is when they were: what was written since is in motion.
	At time.Time
	// Since is when the first sign of it was seen; the zero time is that nobody knows.
	Since time.Time
	// Retry are paths that an earlier reading asked to be read again, and nothing is known of.
	Retry []string
}

// Reading is what counts after a reading.
type Reading struct {
	// Files are the files with the content that counts, ordered by path.
	Files []source.File
	// Unreadable are errors that refuse the reading for every gateway.
	Unreadable diag.List
	// Lost are the directories that hold nothing any more, or were mounts with files and are none.
	// What stood there is not among the files.
	Lost []Lost
	// Held are errors about files that could not be read and keep what they last held. They
	// refuse nothing.
	Held diag.List
	// Mounts are the directories with files that are mounts of their own, below those watched.
	Mounts []string
	// Taken returns what took a file away that is not among the files; empty where nothing did.
	Taken func(path string) string
	// Again says when to read again although nobody tells of a change.
	Again Again
}

// Lost is a directory that holds nothing any more, or was a mount with files and is none.
type Lost struct {
	Dir        string
	Diagnostic diag.Diagnostic
}

// Again says when to read which paths again. A zero After means that there is no need.
type Again struct {
	After time.Duration
	Paths []string
}

// sooner makes a path be read again after a time at the latest.
func (a *Again) sooner(path string, after time.Duration) {
	a.Paths = append(a.Paths, path)
	if a.After == 0 || after < a.After {
		a.After = after
	}
}

// Reader reads. It is for one goroutine at a time.
type Reader struct {
	options Options
	// settled is what counted last, by path.
	settled map[string][]byte
	// ignored is what was taken away from the policy directories when they were read last.
	ignored map[string]ignoring
	// cache is what was read of the files that are at rest.
	cache fileCache
	// resting are the files that are watched for rest because nobody can be asked.
	resting map[string]resting
	// mounts are the mounted directories that held files when they were read last.
	mounts map[string]bool
	// leaving are files that are gone, while another is written that may take their place.
	leaving map[string]bool
	// last is the last reading where nothing was left to be done, or nil.
	last *complete
	// begun says that every file has been read once. Until then a file that is being written
	// has no content to keep, and leaving it out could drop the policy that guards.
	begun bool
	// reminded is when it was last said that the beginning, or removals, still wait for such files.
	reminded time.Time
}

// New returns a reader that has read nothing yet.
func New(o Options) *Reader {
	if o.Writing == nil {
		o.Writing = func() []string { return nil }
	}
	if o.Blind == nil {
		o.Blind = func() bool { return false }
	}
	o.Limits = o.Limits.Completed()
	return &Reader{
		options: o, settled: map[string][]byte{}, ignored: map[string]ignoring{}, cache: fileCache{}, resting: map[string]resting{},
		mounts: map[string]bool{}, leaving: map[string]bool{},
	}
}

// ExpectMounts tells which directories were mounts with files when an earlier process read
// them: one that holds nothing now is lost. It is called before the first Read.
func (r *Reader) ExpectMounts(dirs []string) {
	for _, dir := range dirs {
		r.mounts[dir] = true
	}
}

// Read reads all directories. A file that is still being written keeps the content that it
// had when it last was settled (or stays absent), so that half a file never counts, and one
// that is missing keeps it until the watcher says that it has gone: the watcher tells again
// when it has settled. So does one that cannot be read in time, and every file of a directory
// that cannot. What cannot be read otherwise, or was never read, is a finding that refuses the
// reading for every gateway, and so is, until all files have been read once, one that is being
// written. No call on a disk holds it up for longer than the Disk's timeout.
func (r *Reader) Read(change Change) Reading {
	if out, plain := r.edited(change); plain {
		return out
	}
	p := r.look(change)
	out := Reading{Unreadable: p.unreadable, Held: p.held, Again: p.again, Taken: func(path string) string { return r.taken(p, path) }}
	maps.Copy(r.ignored, p.ignores)
	// unfinished are files that are being written and have no content to keep; fresh are those
	// and the ones that keep what another file held, in whose place they stand.
	var unfinished, fresh diag.List
	// counts says of each file that is there whether what was read of it counts.
	counts := map[string]bool{}
	for _, f := range p.files {
		wait := r.unsettledFor(f.Path, p)
		if counts[f.Path] = wait == 0; counts[f.Path] {
			out.Files = append(out.Files, f)
			r.note(p, f)
			continue
		}
		out.Again.sooner(f.Path, wait)
		if _, known := r.settled[f.Path]; !known {
			unfinished = append(unfinished, unfinishedDiagnostic(f.Path))
		}
		if !r.same(f.Path, p) {
			fresh = append(fresh, unfinishedDiagnostic(f.Path))
		}
	}
	out.Files = append(out.Files, r.keeping(p, counts, fresh)...)
	if beyond(p.unreadable) {
		// Nothing of it counts, so that nobody need keep or compile it.
		out.Files = before(r.settled)
	}
	slices.SortFunc(out.Files, func(a, b source.File) int { return strings.Compare(a.Path, b.Path) })
	waiting := fresh
	if !r.begun {
		waiting = unfinished
		out.Unreadable = append(out.Unreadable, unfinished...)
	}
	r.loss(p, &out)
	r.begin(out)
	r.remind(waiting)
	r.retry(&out)
	r.settle(out.Files)
	r.remember(p, out)
	return out
}

// beyond reports whether a limit was reached.
func beyond(unreadable diag.List) bool {
	return slices.ContainsFunc(unreadable, func(d diag.Diagnostic) bool { return d.Code == diag.CodeLimit })
}

// before returns what counted last.
func before(settled map[string][]byte) []source.File {
	out := make([]source.File, 0, len(settled))
	for path, content := range settled {
		out = append(out, source.File{Path: path, Content: content})
	}
	return out
}

// settle makes files those that counted last.
func (r *Reader) settle(files []source.File) {
	r.settled = make(map[string][]byte, len(files))
	for _, f := range files {
		r.settled[f.Path] = f.Content
	}
	r.cache.keep(r.settled)
	maps.DeleteFunc(r.resting, func(path string, rest resting) bool { return rest.before(r.options.Now().Add(-forgetRest)) })
}

// retryEvery is how often what is lost or could not be read is tried again without a word from
// the watcher.
const retryEvery = time.Second

// retry has read again what could not be read or found.
func (r *Reader) retry(out *Reading) {
	for _, d := range slices.Concat(out.Held, out.Unreadable) {
		out.Again.sooner(d.Pos.File, retryEvery)
	}
	for _, l := range out.Lost {
		out.Again.sooner(l.Dir, retryEvery)
	}
}
