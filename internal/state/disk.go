package state

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/portreeve/portreeve/internal/disk"
)

// Disk is where a state directory lies. Each call takes as long as the disk does, for ever
// where it hangs.
type Disk interface {
	// Open makes the directory where it is missing, and locks it until the closer is closed. An
	// error that says that there is no lock is returned beside a closer; one without a closer
	// says that the directory cannot be used.
	Open(dir string, now time.Time) (io.Closer, error)
	// Read returns what a file holds, which is at most so many bytes.
	Read(path string, most int64) ([]byte, error)
	// Replace puts a file in place of the one that is there. Whenever it ends, by whatever, there
	// is the old one or the new one, whole.
	Replace(path string, text []byte) error
	// Append puts text behind what a file holds that is there. When it ends well the text is there, whole, and
	// otherwise none or some of it.
	Append(path string, text []byte) error
}

// localDisk is the file system.
type localDisk struct{}

var _ Disk = localDisk{}

// unfinished is how files are called until they are whole.
const unfinished = ".unfinished-*"

// unlocked stands for a lock that is not to be had.
type unlocked struct{}

func (unlocked) Close() error { return nil }

func (localDisk) Open(dir string, now time.Time) (io.Closer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make state directory: %w", err)
	}
	held, err := lock(dir, now)
	switch {
	case errors.Is(err, disk.ErrHeld):
		return nil, err
	case err != nil: // a file system without locks, or one that is full: no reason to serve nobody
		return unlocked{}, err
	}
	RemoveUnfinished(dir)
	return held, nil
}

func (localDisk) Read(path string, most int64) ([]byte, error) { return ReadFile(path, most) }

func (localDisk) Replace(path string, text []byte) error { return ReplaceFile(path, text) }

func (localDisk) Append(path string, text []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// RemoveUnfinished removes from a directory what ReplaceFile left when the process was killed.
func RemoveUnfinished(dir string) {
	rest, _ := filepath.Glob(filepath.Join(dir, unfinished)) // a directory that is a bad pattern keeps them
	for _, path := range rest {
		_ = os.Remove(path)
	}
}

// ReadFile returns what a regular file holds, which is at most so many bytes. It never waits for
// what is none, such as a pipe or a device.
func ReadFile(path string, most int64) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	switch {
	case !info.Mode().IsRegular():
		return nil, errors.New("it is no regular file")
	case info.Size() > most:
		return nil, fmt.Errorf("it has %d bytes, more than the %d that can have been written", info.Size(), most)
	}
	text := make([]byte, info.Size())
	_, err = io.ReadFull(file, text)
	return text, err
}

// ReplaceFile puts a file, readable by its owner only, in place of the one that is there. After
// a crash there is the old one or the new one, whole: it is on disk before it is renamed, and its
// name is before ReplaceFile returns.
func ReplaceFile(path string, text []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), unfinished) // 0600: policy directories hold keys
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err == nil {
		err = file.Sync()
	}
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
