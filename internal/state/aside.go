package state

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	// asideForm is the time in the name of a file that was set aside; names sort by it.
	asideForm = "20060102T150405.000000000Z"
	// maxAside bounds how many files are kept that were set aside.
	maxAside = 8
)

// SetAside gives a file that cannot be read a name with the time, so that another can take its
// place and somebody can look at it, and removes the oldest of those beyond eight. It returns
// the new name. A directory that is not empty stays, wherever it is in the row.
func SetAside(path string, now time.Time) (string, error) {
	aside := path + ".broken-" + now.UTC().Format(asideForm)
	if err := os.Rename(path, aside); err != nil {
		return "", fmt.Errorf("set aside: %w", err)
	}
	all, err := filepath.Glob(path + ".broken-*")
	if err != nil {
		return aside, nil // a path with signs of a pattern: nothing is removed
	}
	slices.Sort(all)
	for _, old := range all[:max(0, len(all)-maxAside)] {
		_ = os.Remove(old) // the next time tries again
	}
	return aside, nil
}
