package who

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/portreeve/portreeve/internal/disk"
)

const (
	// maxObject bounds a commit or a tree: one with 400,000 entries has as much.
	maxObject = 16 << 20
	// maxCached bounds what is kept of the objects that were read for one question.
	maxCached = 32 << 20
	// maxPacks bounds the packs of a store that are looked into, maxNames the names that are read for it; maxAlternates bounds
	// the other stores that a git names.
	maxPacks      = 256
	maxNames      = 4096
	maxAlternates = 8
)

var (
	errMissing  = errors.New("the object is not there")
	errTooLarge = errors.New("the object is too large")
	errBroken   = errors.New("the object is broken")
)

// objects finds commits and trees. It is for one question: what is packed anew later it does not see.
type objects struct {
	// ctx ends the reading when nobody waits for it any more.
	ctx    context.Context //nolint:containedctx // it lives as long as the question
	dirs   []string
	packs  []*pack
	looked bool
	cache  map[plumbing.Hash][]byte
	cached int
}

func newObjects(ctx context.Context, g git) *objects {
	dir := filepath.Join(g.common, "objects")
	return &objects{ctx: ctx, dirs: append([]string{dir}, alternates(dir)...), cache: map[plumbing.Hash][]byte{}}
}

// alternates are other stores of objects, as a clone with --shared or --reference has them.
func alternates(dir string) []string {
	text, err := small(filepath.Join(dir, "info", "alternates"))
	if err != nil {
		return nil
	}
	var out []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") && len(out) < maxAlternates {
			out = append(out, absolute(dir, line))
		}
	}
	return out
}

func (o *objects) close() {
	for _, p := range o.packs {
		p.close()
	}
}

// get returns what an object of a type holds. It must not be written to.
func (o *objects) get(h plumbing.Hash, want plumbing.ObjectType) ([]byte, error) {
	if err := o.ctx.Err(); err != nil {
		return nil, err
	}
	if known, ok := o.cache[h]; ok {
		return known, nil
	}
	got, content, err := o.read(h)
	if err != nil {
		return nil, fmt.Errorf("read object %s: %w", h, err)
	}
	if got != want {
		return nil, fmt.Errorf("object %s is a %s: %w", h, got, errBroken)
	}
	if o.cached += len(content); o.cached <= maxCached {
		o.cache[h] = content
	}
	return content, nil
}

func (o *objects) read(h plumbing.Hash) (plumbing.ObjectType, []byte, error) {
	for _, dir := range o.dirs {
		name := h.String()
		kind, content, err := loose(filepath.Join(dir, name[:2], name[2:]))
		if !errors.Is(err, os.ErrNotExist) {
			return kind, content, err
		}
	}
	o.lookForPacks()
	for _, p := range o.packs {
		if offset, ok := p.find(h); ok {
			return p.object(o.ctx, offset)
		}
	}
	return plumbing.InvalidObject, nil, errMissing
}

func (o *objects) lookForPacks() {
	if o.looked {
		return
	}
	o.looked = true
	for _, dir := range o.dirs {
		for _, name := range indexes(filepath.Join(dir, "pack")) {
			if p, err := openPack(strings.TrimSuffix(name, ".idx")); err == nil {
				o.packs = append(o.packs, p)
			}
		}
	}
}

// indexes returns the indexes of the packs in a directory, in order.
func indexes(dir string) []string {
	f, err := disk.OpenDir(dir)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	names, err := f.Readdirnames(maxNames)
	if err != nil {
		return nil
	}
	slices.Sort(names)
	var out []string
	for _, name := range names {
		if strings.HasPrefix(name, "pack-") && strings.HasSuffix(name, ".idx") && len(out) < maxPacks {
			out = append(out, filepath.Join(dir, name))
		}
	}
	return out
}

// loose reads an object that has a file of its own.
func loose(path string) (plumbing.ObjectType, []byte, error) {
	f, _, err := disk.Open(path)
	if err != nil {
		return plumbing.InvalidObject, nil, err
	}
	defer func() { _ = f.Close() }()
	inflated, err := zlib.NewReader(f)
	if err != nil {
		return plumbing.InvalidObject, nil, err
	}
	// A short file can become a very long object: what comes out is bounded, whatever the header says.
	content, err := io.ReadAll(io.LimitReader(bufio.NewReader(inflated), maxObject+1))
	if err != nil {
		return plumbing.InvalidObject, nil, err
	}
	if len(content) > maxObject {
		return plumbing.InvalidObject, nil, errTooLarge
	}
	return headed(content)
}

// headed takes the header off that a loose object has: its type and its size.
func headed(content []byte) (plumbing.ObjectType, []byte, error) {
	header, body, _ := bytes.Cut(content, []byte{0})
	name, size, _ := strings.Cut(string(header[:min(len(header), 32)]), " ")
	kind, err := plumbing.ParseObjectType(name)
	if n, atoiErr := strconv.Atoi(size); err != nil || atoiErr != nil || n != len(body) {
		return plumbing.InvalidObject, nil, errBroken
	}
	return kind, body, nil
}
