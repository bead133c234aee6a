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

	"github.com/hashicorp/go-multierror"

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
}

// unfinished is how files are called until they are whole.
const unfinished = ".new-*"

func openStore(stateDir string, logger *slog.Logger) (*store, error) {
	s := &store{folder: filepath.Join(stateDir, "jwks"), logger: logger}
	return s, os.MkdirAll(s.folder, 0o700)
}

// path is the file of a source. Its name tells nothing and is never too long.
func (s *store) path(key model.KeySource) string {
	hash := sha256.Sum256([]byte(key.URI + "\x00" + key.Issuer))
	return filepath.Join(s.folder, hex.EncodeToString(hash[:16])+".json")
}

// load returns the entries that can be read. The others are logged.
func (s *store) load() []saved {
	if rest, err := filepath.Glob(filepath.Join(s.folder, unfinished)); err == nil {
		for _, path := range rest {
			_ = os.Remove(path) // half a file of a run that was killed
		}
	}
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
			s.logger.Warn("kept keys are ignored", "file", path, "reason", err)
			continue
		}
		out = append(out, entry)
	}
	return out
}

// get reads an entry. What it says is believed as little as what an issuer says.
func (s *store) get(path string) (saved, error) {
	text, err := os.ReadFile(path)
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
	file, err := os.CreateTemp(s.folder, unfinished) // 0600
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err == nil {
		err = file.Sync()
	}
	if failed := file.Close(); err == nil {
		err = failed
	}
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return multierror.Append(err, os.Remove(file.Name())).ErrorOrNil()
	}
	return s.sync()
}

// sync makes the new name last.
func (s *store) sync() error {
	folder, err := os.Open(s.folder)
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
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
