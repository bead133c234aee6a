package source

import (
	"fmt"
	"io/fs"
	"path"
	"reflect"
	"strings"
)

// maxLinks bounds how many symlinks one name is resolved through.
const maxLinks = 40

// identity returns a text that is equal for two names of the same file or directory. It is
// the device and file number where the file system has them; elsewhere it is the path
// after all symlinks, which cannot see through an absolute link back into the tree.
func (r *reader) identity(name string, info fs.FileInfo) string {
	if id, ok := inode(info); ok {
		return id
	}
	return "path:" + r.resolve(name)
}

// inode reads device and file number by name, because the type that has them differs
// between operating systems.
func inode(info fs.FileInfo) (string, bool) {
	v := reflect.Indirect(reflect.ValueOf(info.Sys()))
	if v.Kind() != reflect.Struct {
		return "", false
	}
	device, file := v.FieldByName("Dev"), v.FieldByName("Ino")
	if !device.IsValid() || !file.IsValid() {
		return "", false
	}
	return fmt.Sprintf("inode:%v:%v", device, file), true
}

// resolve follows the symlinks of a path as far as fsys can read them.
func (r *reader) resolve(name string) string {
	done, rest := ".", strings.Split(name, "/")
	for links := 0; len(rest) > 0; {
		next := path.Join(done, rest[0])
		rest = rest[1:]
		target, err := fs.ReadLink(r.fsys, next)
		if err != nil || links == maxLinks {
			done = next
			continue
		}
		links++
		if path.IsAbs(target) {
			done = target
			continue
		}
		rest = append(strings.Split(path.Clean(target), "/"), rest...)
	}
	return done
}
