package who

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/portreeve/portreeve/internal/disk"
)

const (
	// maxHops bounds references that name others.
	maxHops = 5
	// maxPackedRefs bounds what is read of the packed references.
	maxPackedRefs = 64 << 20
)

var errNoCommit = errors.New("no commit is checked out")

// head returns the commit that is checked out.
func (g git) head() (plumbing.Hash, error) {
	name := "HEAD"
	for range maxHops {
		value, err := g.ref(name)
		if err != nil {
			return plumbing.ZeroHash, err
		}
		to, ok := strings.CutPrefix(value, "ref: ")
		if !ok {
			return hash(value)
		}
		// Nothing but what is below refs is read, whatever HEAD says.
		if name = strings.TrimSpace(to); !strings.HasPrefix(name, "refs/") || !fs.ValidPath(name) {
			return plumbing.ZeroHash, errNoCommit
		}
	}
	return plumbing.ZeroHash, errNoCommit
}

func (g git) ref(name string) (string, error) {
	dir := g.common
	if name == "HEAD" {
		dir = g.dir
	}
	value, err := small(filepath.Join(dir, filepath.FromSlash(name)))
	if err == nil {
		return value, nil
	}
	return g.packedRef(name)
}

func (g git) packedRef(name string) (string, error) {
	f, _, err := disk.Open(filepath.Join(g.common, "packed-refs"))
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(io.LimitReader(f, maxPackedRefs))
	for lines.Scan() {
		if value, of, ok := strings.Cut(lines.Text(), " "); ok && of == name {
			return value, nil
		}
	}
	return "", errors.Join(errNoCommit, lines.Err())
}

// hash reads the name of an object. Those of a git with SHA-256 are not understood.
func hash(s string) (plumbing.Hash, error) {
	if !plumbing.IsHash(s) || len(s) != 2*len(plumbing.ZeroHash) {
		return plumbing.ZeroHash, fmt.Errorf("%w: not the name of an object that is understood", errNoCommit)
	}
	return plumbing.NewHash(s), nil
}
