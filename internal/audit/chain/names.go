package chain

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	// rotatedAt is the time in the name of a rotated file.
	rotatedAt = "2006-01-02T15-04-05.000"
	// compressed ends the name of one that is compressed, unfinished that of one that is not whole yet.
	compressed = ".gz"
	unfinished = ".tmp"
	// maxLast bounds the numbers in names: a name must not use up the numbers.
	maxLast = 1 << 60
	// maxRotated bounds the rotated files that are looked at.
	maxRotated = 100_000
)

// names are those of the files of a record.
type names struct{ path, dir, prefix, ext string }

// namesOf returns the names of a record that is written to a file.
func namesOf(file string) (names, error) {
	path, err := filepath.Abs(file)
	if err != nil {
		return names{}, err
	}
	path = followed(path)
	base, ext := filepath.Base(path), filepath.Ext(path)
	if base == ext {
		return names{}, fmt.Errorf("%s is no name for the file of a record: something has to stand before its extension", file)
	}
	return names{path: path, dir: filepath.Dir(path), prefix: strings.TrimSuffix(base, ext) + "-", ext: ext}, nil
}

// maxLinks bounds the links that are followed.
const maxLinks = 40

// followed returns where links lead to, whether there is a file or not: the lock is there whatever link a process comes by, and
// rotating renames the file and not a link to it.
func followed(path string) string {
	for range maxLinks {
		to, err := os.Readlink(path)
		if err != nil {
			break
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(path), to)
		}
		path = to
	}
	return path
}

func (n names) head() string { return n.path + ".head" }
func (n names) lock() string { return n.path + ".lock" }

// rotated is a file that is not written any more: its lines, by what its name says, and when it was rotated.
type rotated struct {
	// path is without the end that says that it is compressed.
	path        string
	first, last uint64
	at          time.Time
	plain, gz   bool
}

// reading is the path that is read. A file is removed only when what it was compressed to is whole, so it counts before that.
func (r rotated) reading() string {
	if r.plain {
		return r.path
	}
	return r.path + compressed
}

// parse takes a name apart. It is false for what is no rotated file of the record.
func (n names) parse(name string) (rotated, bool) {
	plain := strings.TrimSuffix(name, compressed)
	rest, ok := strings.CutPrefix(plain, n.prefix)
	if !ok {
		return rotated{}, false
	}
	rest, ok = strings.CutSuffix(rest, n.ext)
	if !ok || len(rest) <= len(rotatedAt)+1 {
		return rotated{}, false
	}
	r := rotated{path: filepath.Join(n.dir, plain), plain: plain == name, gz: plain != name}
	at, err := time.ParseInLocation(rotatedAt, rest[:len(rotatedAt)], time.UTC)
	if err != nil {
		return rotated{}, false
	}
	r.at = at
	if n, err := fmt.Sscanf(rest[len(rotatedAt):], "-%d_%d", &r.first, &r.last); n != 2 || err != nil {
		return rotated{}, false
	}
	right := r.first > 0 && r.first <= r.last && r.last < maxLast
	return r, right && fmt.Sprintf("-%d_%d", r.first, r.last) == rest[len(rotatedAt):]
}

// rotated returns the rotated files in the order of their lines.
func (n names) rotated() ([]rotated, error) {
	d, err := os.Open(n.dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	all, err := d.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	slices.Sort(all) // what is compressed comes after the file that it is of
	var out []rotated
	for _, name := range all {
		r, ok := n.parse(name)
		switch last := len(out) - 1; {
		case !ok:
		case last >= 0 && out[last].path == r.path:
			out[last].gz = true
		case len(out) == maxRotated:
			return nil, errors.New("too many rotated files")
		default:
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(a, b rotated) int { return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.last, b.last)) })
	return out, nil
}

// openRegular opens a file to be read. It never waits for a pipe or a device.
func openRegular(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", path)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
