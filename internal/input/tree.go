package input

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/portreeve/portreeve/internal/disk"
)

// tree is a directory whose every call is bounded in time, and which notes in the pass what it
// sees.
type tree struct {
	dir  string
	disk *disk.Disk
	pass *pass
}

var (
	_ fs.StatFS     = tree{}
	_ fs.ReadDirFS  = tree{}
	_ fs.ReadFileFS = tree{}
	_ fs.ReadLinkFS = tree{}
)

// Open implements fs.FS. Nobody opens: an open file could be read without a bound.
func (t tree) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: errors.ErrUnsupported}
}

// Stat implements fs.StatFS.
func (t tree) Stat(name string) (fs.FileInfo, error) {
	path := filepath.Join(t.dir, name)
	if info, known := t.pass.infos[path]; known {
		return info, nil
	}
	info, err := t.disk.Stat(path)
	if err != nil || !info.IsDir() {
		return info, err
	}
	mount, ok, err := t.disk.Mount(path)
	if err != nil {
		return nil, err
	}
	if !ok {
		mount, _ = deviceOf(info)
	}
	t.pass.mounts[path] = mount
	return info, nil
}

// Lstat implements fs.ReadLinkFS.
func (t tree) Lstat(name string) (fs.FileInfo, error) {
	return t.disk.Lstat(filepath.Join(t.dir, name))
}

// ReadLink implements fs.ReadLinkFS.
func (t tree) ReadLink(name string) (string, error) {
	return t.disk.Readlink(filepath.Join(t.dir, name))
}

// ReadDir implements fs.ReadDirFS. What is told of the files of the directory is asked for at once.
func (t tree) ReadDir(name string) ([]fs.DirEntry, error) {
	dir := filepath.Join(t.dir, name)
	entries, err := t.disk.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	if infos, err := t.disk.Infos(dir, entries); err == nil {
		for name, info := range infos {
			t.pass.infos[filepath.Join(dir, name)] = info
		}
	}
	t.pass.aliases = t.pass.aliases || slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Type()&fs.ModeSymlink != 0 })
	return entries, nil
}

// ReadFile implements fs.ReadFileFS.
func (t tree) ReadFile(name string) ([]byte, error) {
	path := filepath.Join(t.dir, name)
	content, err := t.disk.Read(path, t.pass.left.FileBytes)
	if err != nil {
		return nil, err
	}
	t.pass.read[path] = content
	return content.Bytes, nil
}
