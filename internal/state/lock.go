package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/portreeve/portreeve/internal/disk"
)

// lockName is the file whose lock says that a process uses the directory.
const lockName = "lock"

// holder is who has the lock. It is written into the file for a person to read; what counts is
// the lock, which the kernel takes back when the process ends, however it ends.
type holder struct {
	PID   int       `json:"pid"`
	Host  string    `json:"host"`
	Since time.Time `json:"since"`
}

// lock takes the lock of a directory for as long as the file stays open. Where another process
// has it the error wraps disk.ErrHeld and says which; any other error says that there is no lock to
// be had here.
func lock(dir string, now time.Time) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, err
	}
	if err := disk.Lock(file); err != nil {
		if errors.Is(err, disk.ErrHeld) {
			err = fmt.Errorf("the state directory %s is %w by another control plane, %s", dir, err, holderOf(file))
		}
		return nil, errors.Join(err, file.Close())
	}
	sign(file, now)
	return file, nil
}

// sign writes who has the lock. On a full disk the lock counts without it.
func sign(file *os.File, now time.Time) {
	host, _ := os.Hostname()
	text, err := json.Marshal(holder{os.Getpid(), host, now})
	if err != nil || file.Truncate(0) != nil {
		return
	}
	if _, err := file.WriteAt(append(text, '\n'), 0); err != nil {
		_ = file.Truncate(0)
	}
}

// holderOf reads who says to have the lock.
func holderOf(file *os.File) string {
	text, err := io.ReadAll(io.NewSectionReader(file, 0, 4096))
	var h holder
	if err == nil {
		err = json.Unmarshal(text, &h)
	}
	if err != nil {
		return "which does not say who it is"
	}
	return fmt.Sprintf("process %d on %q since %s", h.PID, h.Host, h.Since.Format(time.RFC3339))
}
