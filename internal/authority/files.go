package authority

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/portreeve/portreeve/internal/disk"
)

// newPrefix begins the names of files that are not in place yet. Who has the lock may remove them.
const newPrefix = ".new-"

// lostAndFound is what an empty file system holds.
const lostAndFound = "lost+found"

// maxFile bounds what is read of a file.
const maxFile = 4 << 20

// files changes the disk, one step after the other. What fails is left as it is, as a crash would leave it.
type files struct {
	// before is called before each step and may keep it, and all that follow, from being made; nil: no.
	before func(step string) error
}

// access says who may read what is written.
type access struct {
	mode  fs.FileMode
	owner Owner
}

// readFile reads a file, bounded in size and time.
func readFile(path string) ([]byte, error) {
	content, err := disk.New(disk.Options{Timeout: 10 * time.Second}).Read(path, maxFile)
	return content.Bytes, err
}

func (f files) do(step string, what func() error) error {
	if f.before != nil {
		if err := f.before(step); err != nil {
			return err
		}
	}
	return what()
}

// replace puts a file in place as a whole.
func (f files) replace(path string, content []byte, as access) error {
	fresh := filepath.Join(filepath.Dir(path), newPrefix+rand.Text())
	if err := f.create(fresh, content, as); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return f.move(fresh, path)
}

// keep is replace, with the mode and owner that the file has already where it is there.
func (f files) keep(path string, content []byte, otherwise access) error {
	if info, err := os.Stat(path); err == nil {
		otherwise = access{info.Mode().Perm(), ownerOf(info)}
	}
	return f.replace(path, content, otherwise)
}

func (f files) create(path string, content []byte, as access) error {
	return f.do("write "+filepath.Base(path), func() error {
		file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		_, err = file.Write(content)
		// The owner first: with the mode of before nobody else reads it at any moment.
		return errors.Join(err, as.owner.give(file), file.Chmod(as.mode), file.Sync(), file.Close())
	})
}

func (f files) move(from, to string) error {
	if err := f.do("move "+filepath.Base(to), func() error { return os.Rename(from, to) }); err != nil {
		return err
	}
	return f.sync(filepath.Dir(to))
}

// sync has the names in a directory outlast a loss of power.
func (f files) sync(dir string) error {
	return f.do("sync", func() error {
		d, err := os.Open(dir)
		if err != nil {
			return err
		}
		return errors.Join(d.Sync(), d.Close())
	})
}

// directory makes a directory where there is none. One that is empty is taken over; one that is not keeps
// its owner and mode, which are somebody's choice.
func (f files) directory(path string, as access) error {
	entries, err := os.ReadDir(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() != lostAndFound }) {
		return nil
	}
	return f.do("make "+filepath.Base(path), func() error {
		if err := os.MkdirAll(path, 0o755); err != nil {
			return err
		}
		return errors.Join(as.owner.apply(path), os.Chmod(path, as.mode))
	})
}

// sweep removes what was never put in place.
func (f files) sweep(dirs ...string) error {
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), newPrefix) {
				if err := f.do("remove "+e.Name(), func() error { return os.RemoveAll(filepath.Join(dir, e.Name())) }); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
