package chain

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"syscall"

	"github.com/portreeve/portreeve/internal/disk"
)

// ErrHeld says that another process has the record.
var ErrHeld = errors.New("another process writes it")

// lock takes the lock of a record for as long as the closer is not closed; the kernel takes it back when the process ends,
// however it ends. A file system without locks is no reason to record nothing: that is logged.
func lock(path string, logger *slog.Logger) (io.Closer, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, err
	}
	switch err := disk.Lock(f); {
	case errors.Is(err, disk.ErrHeld):
		return nil, errors.Join(ErrHeld, f.Close())
	case err != nil:
		logger.Warn("the audit record cannot be locked: see to it that no second control plane writes it", "file", path, "reason", err)
	}
	return f, nil
}
