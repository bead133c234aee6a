package reload

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/portreeve/portreeve/internal/input"
	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
)

// State keeps, in a directory, the files of the generations that gateways may have to be
// served after a restart with broken policy files.
type State struct{ path string }

// stored is the form on disk.
type stored struct {
	Generations []storedGeneration `json:"generations"`
	// Gateways are the groups that have been connected: for each, one of the generations is its last good one.
	Gateways []model.Gateway `json:"gateways"`
}

type storedGeneration struct {
	At    time.Time     `json:"at"`
	Files []source.File `json:"files"`
	// Served are the fingerprints of certificates that count although they have expired.
	Served []string `json:"served,omitempty"`
	// Flags are what it was read with; nil where an older version kept it.
	Flags *flags `json:"flags,omitempty"`
}

// OpenState uses a directory, which is made where it is missing. It is readable by its
// owner only, since policy directories may hold keys.
func OpenState(dir string) (*State, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make state directory: %w", err)
	}
	return &State{path: filepath.Join(dir, "generations.json")}, nil
}

// load returns the generations of an earlier process, newest first. They are compiled
// anew, so this program's checks hold for them too.
func (s *State) load(settings model.Settings) ([]*Generation, []model.Gateway, error) {
	content, err := os.ReadFile(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read state: %w", err)
	}
	var in stored
	if err := json.Unmarshal(content, &in); err != nil {
		return nil, nil, fmt.Errorf("read state %s: %w", s.path, err)
	}
	var out []*Generation
	for _, g := range in.Generations {
		before := &translate.Program{}
		if len(out) > 0 {
			before = out[len(out)-1].Program
		}
		served := map[string]bool{}
		for _, fingerprint := range g.Served {
			served[fingerprint] = true
		}
		out = append(out, newGeneration(0, g.At, input.Reading{Files: g.Files}, g.Flags.in(settings), before, served))
	}
	return out, in.Gateways, nil
}

// storedOf returns what is to be kept on disk. Generations that could not be read in full
// are left out: they are good for nobody.
func storedOf(kept []*Generation, groups map[string]*group) stored {
	var out stored
	for _, key := range slices.Sorted(maps.Keys(groups)) {
		out.Gateways = append(out.Gateways, groups[key].gateway)
	}
	for _, g := range kept {
		if len(g.unreadable) == 0 {
			out.Generations = append(out.Generations, storedGeneration{At: g.At, Files: g.files, Served: slices.Sorted(maps.Keys(g.served)), Flags: &g.flags})
		}
	}
	return out
}

// save replaces what is stored, all or nothing.
func (s *State) save(out stored) error {
	content, err := json.Marshal(out)
	if err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	temporary := s.path + ".new"
	if err := writeSynced(temporary, content); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	if err := os.Rename(temporary, s.path); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	dir, err := os.Open(filepath.Dir(s.path))
	if err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// writeSynced writes a file and has it on disk before it returns, so that the rename that
// follows cannot put an empty file in place of a good one.
func writeSynced(path string, content []byte) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(content); err != nil {
		return err
	}
	return f.Sync()
}
