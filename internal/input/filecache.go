package input

import (
	"io/fs"
	"maps"
	"os"
	"time"

	"github.com/portreeve/portreeve/internal/disk"
)

// fileCache holds what was read of each file, so that an edit of one among thousands does not
// read them all. It is never trusted alone: it answers only where an event named what has
// changed, not for a file that the event named, and not where anything that the file system
// tells of the file is other than it was.
type fileCache map[string]cachedFile

// cachedFile is a file as it was read.
type cachedFile struct {
	// info is what the file system told before the reading.
	info    fs.FileInfo
	changed time.Time
	content []byte
}

// rest is how long a file must have been left alone, when it was read, for its times to tell
// a later change: file systems count them in steps of some milliseconds.
const rest = time.Second

// note remembers a file that was read, unless its times would not tell a change.
func (c fileCache) note(path string, info fs.FileInfo, content []byte, now time.Time) {
	changed, ok := disk.ChangeTime(info)
	if !ok || now.Sub(changed) < rest || now.Sub(info.ModTime()) < rest {
		delete(c, path)
		return
	}
	c[path] = cachedFile{info, changed, content}
}

// same returns the content of a file that is as it was when it was read.
func (c fileCache) same(path string, info fs.FileInfo) ([]byte, bool) {
	was, known := c[path]
	if !known || !os.SameFile(was.info, info) || was.info.Size() != info.Size() || !was.info.ModTime().Equal(info.ModTime()) {
		return nil, false
	}
	changed, ok := disk.ChangeTime(info)
	return was.content, ok && changed.Equal(was.changed)
}

// keep forgets all other files.
func (c fileCache) keep(files map[string][]byte) {
	maps.DeleteFunc(c, func(path string, _ cachedFile) bool { _, kept := files[path]; return !kept })
}
