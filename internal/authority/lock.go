package authority

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/portreeve/portreeve/internal/disk"
)

// lockName is the file whose lock says that a process changes the folder.
const lockName = "lock"

// lockFolder takes the lock of a folder, for as long as the file stays open. It waits while another process has it.
func lockFolder(ctx context.Context, dir string, wait time.Duration) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	tick, end := time.NewTicker(20*time.Millisecond), time.After(wait)
	defer tick.Stop()
	for {
		err := disk.Lock(file)
		switch {
		case err == nil:
			return file, nil
		case !errors.Is(err, disk.ErrHeld):
			return nil, errors.Join(fmt.Errorf("lock %s: %w", dir, err), file.Close())
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), file.Close())
		case <-end:
			return nil, errors.Join(fmt.Errorf("another `portreeve ca` is at work in %s, and not done after %v; nothing was changed", dir, wait), file.Close())
		}
	}
}
