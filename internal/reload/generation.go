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
	// requests are the program's.
	requests []model.KeyRequest
	files    []source.File
	// served are the fingerprints of the certificates that were being served when it was
	// read: that one of them has expired does not refuse it.
	served map[string]bool
	// lost are the directories that were lost when it was read.
	lost []string
	// unreadable are findings about files that could not be read; they refuse it everywhere.
	unreadable diag.List
}

// newGeneration compiles files. It is faster, and nothing else, where the program before was
// compiled from many of the same ones. Served are the fingerprints of the certificates that
// are being served.
func newGeneration(seq uint64, at time.Time, files []source.File, unreadable diag.List, settings model.Settings, before *translate.Program, served map[string]bool) *Generation {
	program := before.Recompile(files, settings).At(at, served)
	return &Generation{
		Seq: seq, At: at, Hash: hashOf(files, unreadable), files: files, unreadable: unreadable, served: served,
		Program: program, requests: program.KeyRequests(),
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

// waits reports whether any gateway has to wait for keys before it is served the generation.
func (g *Generation) waits(awaited map[model.KeySource]string) bool {
	return len(g.waitingNames(awaited)) > 0
}

// waitingNames returns the names of the generation's sources that are awaited.
func (g *Generation) waitingNames(awaited map[model.KeySource]string) []string {
	var sources []model.KeySource
	for _, request := range g.requests {
		sources = append(sources, request.KeySource)
	}
	return namesOf(sources, awaited)
}

// waitsFor returns the names of the sources that are awaited and that a gateway's policy needs.
func (g *Generation) waitsFor(gateway model.Gateway, awaited map[model.KeySource]string) []string {
	if len(awaited) == 0 {
		return nil
	}
	return namesOf(g.Program.KeySourcesFor(gateway), awaited)
}

func namesOf(sources []model.KeySource, awaited map[model.KeySource]string) []string {
	var out []string
	for _, source := range sources {
		if name, ok := awaited[source]; ok {
			out = append(out, name)
		}
	}
	return out
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
