package jwks

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/portreeve/portreeve/internal/state"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
)

// saved is an entry of the state directory.
type saved struct {
	Source        model.KeySource `json:"source"`
	Keys          keySet          `json:"set"`
	UnwantedSince time.Time       `json:"unwantedSince,omitzero"`
}

// store is the folder jwks of the state directory: one file for each source.
type store struct {
	folder  string
	logger  *slog.Logger
	failing error
	// replace is state.ReplaceFile.
	replace func(path string, text []byte) error
}

const (
	// maxEntry bounds the bytes of an entry: an answer has 1 MiB at most, and JSON may write a
	// character in six.
	maxEntry = 8 << 20
	// diskTimeout is how long the start waits for the disk, and lastWrite is how long the end does.
	diskTimeout, lastWrite = 5 * time.Second, time.Second
)

func openStore(stateDir string, logger *slog.Logger) (*store, error) {
	s := &store{folder: filepath.Join(stateDir, "jwks"), logger: logger, replace: state.ReplaceFile}
	return s, os.MkdirAll(s.folder, 0o700)
}

// recall opens the store and returns what it keeps. Where the disk does not answer in time there
// is no store, and nothing is kept: the start does not wait for it.
func recall(o Options) (*store, []saved, error) {
	type opened struct {
		store   *store
		entries []saved
		err     error
	}
	answer := make(chan opened, 1)
	go func() {
		s, err := openStore(o.StateDir, o.Logger)
		if err != nil {
			answer <- opened{nil, nil, err}
			return
		}
		answer <- opened{s, s.load(o.Now()), nil}
	}()
	timer := time.NewTimer(diskTimeout)
	defer timer.Stop()
	select {
	case a := <-answer:
		return a.store, a.entries, a.err
	case <-timer.C:
		o.Logger.Error("the state directory of keys does not answer: kept keys do not count, and none are kept until the next start", "directory", o.StateDir, "waited", diskTimeout)
		return nil, nil, nil
	}
}

// path is the file of a source. Its name tells nothing and is never too long.
func (s *store) path(key model.KeySource) string {
	hash := sha256.Sum256([]byte(key.URI + "\x00" + key.Issuer))
	return filepath.Join(s.folder, hex.EncodeToString(hash[:16])+".json")
}

// load returns the entries that can be read. The others are set aside and logged.
func (s *store) load(now time.Time) []saved {
	state.RemoveUnfinished(s.folder)
	files, err := os.ReadDir(s.folder)
	if err != nil {
		s.logger.Warn("kept keys cannot be read", "reason", err)
	}
	var out []saved
	for _, file := range files {
		path := filepath.Join(s.folder, file.Name())
		if filepath.Ext(path) != ".json" {
			continue
		}
		entry, err := s.get(path)
		if err != nil {
			aside, failed := state.SetAside(path, now)
			s.logger.Warn("kept keys are ignored", "file", path, "reason", err, "setAside", aside, "failed", failed)
			continue
		}
		out = append(out, entry)
	}
	return out
}

// get reads an entry. What it says is believed as little as what an issuer says.
func (s *store) get(path string) (saved, error) {
	text, err := state.ReadFile(path, maxEntry)
	if err != nil {
		return saved{}, err
	}
	var entry saved
	if err := json.Unmarshal(text, &entry); err != nil {
		return saved{}, fmt.Errorf("it is not an entry: %w", err)
	}
	if s.path(entry.Source) != path {
		return saved{}, errors.New("it is of another source than its name says")
	}
	if entry.Keys.Set, _, err = resource.UsableKeys([]byte(entry.Keys.Set)); err != nil {
		return saved{}, fmt.Errorf("its key set is no use: %w", err)
	}
	return entry, nil
}

// put writes the entry of a source, or removes it where it is nil. After a crash there is
// the old file or the new one, whole.
func (s *store) put(key model.KeySource, entry *saved) error {
	path := s.path(key)
	if entry == nil {
		if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	text, err := json.Marshal(entry)
	if err != nil {
		return err
	}
	return s.replace(path, text)
}

// report logs when writing begins to fail, and when it succeeds again.
func (s *store) report(err error) {
	switch {
	case err != nil && s.failing == nil:
		s.logger.Warn("keys cannot be kept on disk", "folder", s.folder, "reason", err)
	case err == nil && s.failing != nil:
		s.logger.Info("keys are kept on disk again", "folder", s.folder)
	}
	s.failing = err
}
