package input

import (
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"github.com/portreeve/portreeve/internal/disk"
	"github.com/portreeve/portreeve/translate/source"
)

// resting is a file that is watched for rest.
type resting struct {
	size  int64
	mtime time.Time
	// since is when it was first seen so, seen when it was seen last.
	since, seen time.Time
}

// forgetRest is how long a file is remembered that nobody looks at any more.
const forgetRest = time.Minute

func (r resting) before(t time.Time) bool { return r.seen.Before(t) }

// writerPoll is how often a file is looked at that somebody has open for writing.
const writerPoll = 200 * time.Millisecond

// unsettledFor returns for how long a file must be left alone before what was read of it counts; zero
// says that it counts. It fails closed: where nobody can be asked whether the file has a writer,
// it must have rested.
func (r *Reader) unsettledFor(path string, p *pass) time.Duration {
	content := p.read[path]
	switch {
	case under(path, p.change.Unsettled): // the watcher tells when it has settled
		return retryEvery
	case content.Writer == disk.WriterPresent:
		return writerPoll
	case p.unchanged[path]: // it is as it was a second ago
		return 0
	}
	info := content.Info
	if content.Writer != disk.WriterAbsent {
		// What was written while it was read shows now.
		var err error
		if info, err = r.options.Disk.Stat(path); err != nil {
			return r.options.Quiet
		}
	}
	if complete := under(path, p.change.Complete) && !info.ModTime().After(p.change.At); complete {
		if content.Writer == disk.WriterUnknown && r.linked(path, p.change.Complete) {
			return r.unrested(path, info, r.options.RemoteQuiet)
		}
		return 0
	}
	if content.Remote || content.Writer == disk.WriterUnknown && (!r.begun || r.options.Blind()) {
		return r.unrested(path, info, r.options.RemoteQuiet)
	}
	return r.growing(info)
}

// linked reports whether a file was not renamed into place itself: a symlink to it was, or one to
// a directory above. Then nobody saw who wrote to it.
func (r *Reader) linked(path string, complete []string) bool {
	return !slices.Contains(complete, path) || r.link(path)
}

// unrested returns how much is missing of the rest that a file must have had. Where its times
// come from another machine's clock they may lie in the future: then it counts how long it has
// been seen unchanged.
func (r *Reader) unrested(path string, info fs.FileInfo, rest time.Duration) time.Duration {
	now := r.options.Now()
	age := now.Sub(info.ModTime())
	was, known := r.resting[path]
	if !known || was.size != info.Size() || !was.mtime.Equal(info.ModTime()) {
		was = resting{info.Size(), info.ModTime(), now, now}
	}
	was.seen = now
	r.resting[path] = was
	rested := max(age, now.Sub(was.since))
	return max(rest-rested, 0)
}

// Unsettled reports whether any file was written to so lately that it may not be complete, though it may be so
// soon. Nothing is read: only what is told of the files counts.
func (r *Reader) Unsettled() bool {
	p, young := newPass(Change{}, r.options.Limits), false
	for _, dir := range slices.Concat(r.options.Dirs, r.options.SecretsDirs) {
		glance := source.Options{Limits: p.left, Known: func(_ string, info fs.FileInfo) ([]byte, bool) {
			young = young || r.growing(info) > 0
			return nil, true
		}}
		if !r.secrets(filepath.Clean(dir)) {
			glance.Ignored = r.ignores(p, dir)
		}
		_, _ = source.ReadWith(tree{dir: dir, disk: r.options.Disk, pass: p}, glance) // what cannot be read is for the reading to say
	}
	for _, file := range r.options.Files {
		info, err := r.options.Disk.Stat(file)
		young = young || err == nil && r.growing(info) > 0
	}
	return young
}

// growing returns how much is missing of Quiet since a file was modified. A time in the future tells nothing.
func (r *Reader) growing(info fs.FileInfo) time.Duration {
	if age := r.options.Now().Sub(info.ModTime()); age >= 0 && age < r.options.Quiet {
		return r.options.Quiet - age
	}
	return 0
}
