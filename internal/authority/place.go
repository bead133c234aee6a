package authority

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxLinks bounds the links on the way to a directory.
const maxLinks = 40

// openPlace opens a directory for a pair. Who may change a directory on the way could put a link there, and have
// the pair, its mode and its owner go to a directory that is none of his. So from the first such directory on
// nothing leads out of it.
func openPlace(dir string) (*os.Root, error) {
	root, rest, err := openTerritory(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return root.OpenRoot(rest)
}

// makePlace makes the directory of a pair where there is none, with the bounds of openPlace. One that is empty is taken
// over; one that is not keeps its owner and mode, which are somebody's choice.
func (f files) makePlace(dir string, as access) error {
	root, rest, err := openTerritory(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := f.do("make "+filepath.Base(dir), func() error { return root.MkdirAll(rest, 0o755) }); err != nil {
		return err
	}
	place, err := root.OpenRoot(rest)
	if err != nil {
		return err
	}
	defer place.Close()
	entries, err := fs.ReadDir(place.FS(), ".")
	if err != nil || slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() != lostAndFound }) {
		return err
	}
	return f.do("take over "+filepath.Base(dir), func() error { return own(place, as) })
}

func openTerritory(dir string) (root *os.Root, rest string, err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, "", err
	}
	base, rest, err := territory(dir)
	if err != nil {
		return nil, "", err
	}
	root, err = os.OpenRoot(base)
	return root, rest, err
}

// own gives an opened directory its owner and mode. By a name it could have become another one meanwhile.
func own(place *os.Root, as access) error {
	var err error
	if as.owner.named {
		err = place.Chown(".", as.owner.uid, as.owner.gid)
	}
	return errors.Join(err, place.Chmod(".", as.mode))
}

// territory splits the absolute path of a directory at the first one on the way in which somebody else could put, or has
// put, what comes next. Links before it are those of root or of who runs this, and are followed.
func territory(dir string) (base, rest string, err error) {
	links := 0
	base, rest = string(filepath.Separator), strings.TrimPrefix(filepath.Clean(dir), string(filepath.Separator))
	for rest != "" {
		name, behind, _ := strings.Cut(rest, string(filepath.Separator))
		next := filepath.Join(base, name)
		info, err := os.Lstat(next)
		if !settled(base, info) {
			return base, rest, nil
		}
		if err != nil {
			return base, rest, nil //nolint:nilerr // it is made, or who opens it says why it cannot be
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			base, rest = next, behind
			continue
		}
		target, err := os.Readlink(next)
		if links++; err != nil || links > maxLinks {
			return "", "", errors.Join(err, fmt.Errorf("%s leads through too many links", dir))
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(base, target)
		}
		base, rest = string(filepath.Separator), strings.TrimPrefix(filepath.Join(target, behind), string(filepath.Separator))
	}
	return base, ".", nil
}

// settled reports whether nobody but root and who runs this can put another file in the place of one; nil is
// one that is not there.
func settled(dir string, file fs.FileInfo) bool {
	info, err := os.Lstat(dir)
	switch {
	case err != nil || !trusted(info):
		return false
	case info.Mode().Perm()&0o022 == 0:
		return true
	default: // as in /tmp
		return info.Mode()&fs.ModeSticky != 0 && file != nil && trusted(file)
	}
}

// trusted reports whether a file is root's or that of who runs this.
func trusted(info fs.FileInfo) bool {
	is := ownerOf(info)
	return !is.named || is.uid == 0 || is.uid == os.Geteuid()
}
