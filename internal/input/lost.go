package input

import (
	"io/fs"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/source"
)

// loss finds the directories that hold nothing any more: emptied, replaced by an empty one,
// unmounted, or covered by another file system. One that was a mount and is none is lost
// whatever was below. It cannot be told from a directory that somebody
// emptied on purpose, so whoever means that says so.
//
// A directory of which something could not be read, or is still being written, is not lost: that
// refuses already, or keeps what was there.
func (r *Reader) loss(p *pass, out *Reading) {
	if len(out.Unreadable) > 0 {
		out.Mounts = slices.Sorted(maps.Keys(r.mounts))
		return
	}
	for _, dir := range slices.Concat(r.options.Dirs, r.options.SecretsDirs) {
		dir = filepath.Clean(dir)
		if !r.empty(dir, out.Files) || under(dir, p.stuck) || r.allowed(dir) {
			continue
		}
		what := "it holds no file that counts"
		if p.missing[dir] {
			what = "it is not there"
		}
		out.Lost = append(out.Lost, lost(dir, what))
	}
	for dir := range r.mounts {
		switch {
		case r.allowed(dir):
			delete(r.mounts, dir)
		case r.empty(dir, out.Files):
			out.Lost = append(out.Lost, lost(dir, "it was a mount with files and holds none now"))
		case !p.mounted(dir) && !r.link(dir):
			// What the mount covered may be anything, and is not what stood there.
			out.Lost = append(out.Lost, lost(dir, "it was a mount with files and is none now"))
		default:
			delete(r.mounts, dir) // found anew below where it is one still
		}
	}
	for dir := range p.mounts {
		if p.mounted(dir) && !r.root(dir) && !r.empty(dir, out.Files) {
			r.mounts[dir] = true
		}
	}
	out.Mounts = slices.Sorted(maps.Keys(r.mounts))
	slices.SortFunc(out.Lost, func(a, b Lost) int { return strings.Compare(a.Dir, b.Dir) })
}

// mounted reports whether a directory that was walked is on another mount than the one above it.
func (p *pass) mounted(dir string) bool {
	mount, walked := p.mounts[dir]
	above, both := p.mounts[filepath.Dir(dir)]
	return walked && both && mount != above
}

// link reports whether a symlink stands at a path: one that led to another file system may be
// pointed elsewhere. What cannot be seen is none, so that what was a mount is lost.
func (r *Reader) link(dir string) bool {
	info, err := r.options.Disk.Lstat(dir)
	return err == nil && info.Mode().Type() == fs.ModeSymlink
}

func lost(dir, what string) Lost {
	return Lost{dir, diag.New(diag.CodeLost, diag.Position{File: dir}, "the directory is lost: %s", what).
		WithHint("bring back what was there; where it is meant to be empty, or no mount any more, start with --allow-empty %s", dir)}
}

// empty reports whether no file below a directory counts. One that is named by itself is none of a
// directory's.
func (r *Reader) empty(dir string, files []source.File) bool {
	return !slices.ContainsFunc(files, func(f source.File) bool {
		return !slices.Contains(r.options.Files, f.Path) && under(f.Path, []string{dir})
	})
}

func (r *Reader) allowed(dir string) bool {
	return slices.ContainsFunc(r.options.AllowEmpty, func(a string) bool { return filepath.Clean(a) == dir })
}

func (r *Reader) root(dir string) bool {
	return slices.ContainsFunc(slices.Concat(r.options.Dirs, r.options.SecretsDirs), func(d string) bool { return filepath.Clean(d) == dir })
}

// deviceOf reads the number of the device that something is on, by the field's name because
// its type differs between operating systems.
func deviceOf(info fs.FileInfo) (uint64, bool) {
	stat := reflect.Indirect(reflect.ValueOf(info.Sys()))
	if stat.Kind() != reflect.Struct {
		return 0, false
	}
	switch device := stat.FieldByName("Dev"); {
	case !device.IsValid():
		return 0, false
	case device.CanInt():
		return uint64(device.Int()), true
	case device.CanUint():
		return device.Uint(), true
	default:
		return 0, false
	}
}
