// Package reload turns the policy directories into generations and hands each group of
// gateways the newest generation that is clean for it.
//
// Fallible work comes first and publishing last: a generation that is refused for a group
// leaves that group on what it had, and the others move on.
package reload

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/portreeve/portreeve/internal/diag"
	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
)

// Generation is one reading of the policy directories, compiled. It is immutable.
type Generation struct {
	// Seq counts the generations of this process from 1; a generation from the state
	// directory has 0.
	Seq     uint64
	At      time.Time
	Hash    string
	Program *translate.Program
	files   []source.File
	// served are the fingerprints of the certificates that were being served when it was
	// read: that one of them has expired does not refuse it.
	served map[string]bool
	// unreadable are findings about files that could not be read; they refuse it everywhere.
	unreadable diag.List
}

func newGeneration(seq uint64, at time.Time, files []source.File, unreadable diag.List, settings model.Settings, served map[string]bool) *Generation {
	return &Generation{
		Seq: seq, At: at, Hash: hashOf(files, unreadable), files: files, unreadable: unreadable, served: served,
		Program: translate.Compile(files, settings).At(at, served),
	}
}

// withKeys returns the generation with other fetched keys.
func (g *Generation) withKeys(keys model.Keys) *Generation {
	out := *g
	out.Program = g.Program.WithKeys(keys)
	return &out
}

// Findings returns everything that is to be said about the generation.
func (g *Generation) Findings() diag.List {
	return append(append(diag.List{}, g.unreadable...), g.Program.Diags...).Sorted()
}

// clean reports whether the generation refuses nobody.
func (g *Generation) clean() bool { return len(g.unreadable) == 0 && !g.Program.Diags.HasErrors() }

// resources returns what the generation gives a gateway, or the errors that refuse it there.
func (g *Generation) resources(gateway model.Gateway) (envoy.Resources, diag.List) {
	if len(g.unreadable) > 0 {
		return envoy.Resources{}, g.unreadable
	}
	return g.Program.For(gateway)
}

// hashOf names the content of a generation: equal files give equal hashes everywhere.
func hashOf(files []source.File, unreadable diag.List) string {
	h := sha256.New()
	for _, f := range files {
		fmt.Fprintf(h, "%d:%s%d:", len(f.Path), f.Path, len(f.Content))
		h.Write(f.Content)
	}
	for _, d := range unreadable {
		fmt.Fprintf(h, "!%s", d)
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}
