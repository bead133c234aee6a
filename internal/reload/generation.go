// Package reload turns the policy directories into generations and hands each group of
// gateways the newest generation that is clean for it:
//
//	files ─ reader ─▶ generation ─ history ─ fleet ─▶ publisher
//
// The reader makes generations, the history keeps those that may have to be served and judges which
// gateways an error reaches, and the fleet knows the groups of gateways and what each is served. The
// Reloader calls them in this order, holds their locks, and shows what came of it.
//
// Fallible work comes first and publishing last: a generation that is refused for a group
// leaves that group on what it had, and the others move on.
package reload

import (
	"slices"
	"time"

	"github.com/portreeve/portreeve/internal/input"
	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
	"github.com/portreeve/portreeve/translate/source"
)

// Generation is one reading of the policy directories, compiled. It is immutable.
type Generation struct {
	// Seq counts the generations of this process from 1; a generation from the state
	// directory has 0.
	Seq uint64
	At  time.Time
	// edited is when the edit was seen that it was read for.
	edited  time.Time
	Hash    string
	Program *translate.Program
	// requests are the program's.
	requests []model.KeyRequest
	files    []source.File
	// served are the fingerprints of the certificates that were being served when it was
	// read: that one of them has expired does not refuse it.
	served map[string]bool
	// unreadable are findings about files that could not be read; they refuse it everywhere.
	unreadable diag.List
	// lost are the directories that held nothing any more when it was read, and lossDiagnostics
	// what is to be said of that. They refuse it where an earlier generation had an object from
	// there; see loss.
	lost            []string
	lossDiagnostics diag.List
	// mounts are the directories with files that were mounts of their own.
	mounts []string
	// flags are what it was read with.
	flags flags
	// mappings are what it allows identities, where mapped says that this is wholly known; see grants.
	mappings []model.GatewayIdentity
	mapped   bool
	// alerts are the AuditAlerts that it says are in force, where alerting; unsound are those of it that are broken.
	alerts   []model.AuditAlert
	unsound  []resource.Key
	alerting bool
	// tests judges it by its PolicyTests; nil where it need not be judged.
	tests *judge
	// changes are what it has in place of the generation before it.
	changes translate.Changes
}

// newGeneration compiles what was read. It is faster, and nothing else, where the program before
// was compiled from many of the same files. Hash names it; served are the fingerprints of the certificates that
// are being served.
func newGeneration(seq uint64, at time.Time, reading input.Reading, hash string, settings model.Settings, before *translate.Program, served map[string]bool) *Generation {
	program := before.Recompile(reading.Files, settings).At(at, served)
	g := &Generation{
		Seq: seq, At: at, Hash: hash, files: reading.Files, unreadable: reading.Unreadable, mounts: reading.Mounts, served: served,
		Program: program, requests: program.KeyRequests(), flags: flagsOf(settings),
	}
	g.mappings, g.mapped = program.Identities()
	g.alerts, g.unsound, g.alerting = program.Alerts()
	if settings.RequireTests {
		g.tests = newJudge(program)
	}
	for _, l := range reading.Lost {
		g.lost = append(g.lost, l.Dir)
		g.lossDiagnostics = append(g.lossDiagnostics, l.Diagnostic)
	}
	return g
}

// withKeys returns the generation with other fetched keys.
func (g *Generation) withKeys(keys model.Keys) *Generation {
	out := *g
	out.Program = g.Program.WithKeys(keys)
	return &out
}

// Diagnostics returns everything that is to be said about the generation.
func (g *Generation) Diagnostics() diag.List {
	return slices.Concat(g.unreadable, g.lossDiagnostics, g.Program.Diags, g.tests.failures()).Sorted()
}

// clean reports whether the generation refuses nobody.
func (g *Generation) clean() bool {
	reaches := func(d diag.Diagnostic) bool { return d.Severity == diag.Error && !d.Scope.Nobody() }
	return len(g.unreadable) == 0 && len(g.lost) == 0 && !slices.ContainsFunc(g.Program.Diags, reaches) && len(g.tests.failures()) == 0
}

// render returns what the generation gives a gateway, or the errors that refuse it there: those of
// refusals, but for files that could not be read, and those that only rendering tells.
func (g *Generation) render(gateway model.Gateway) (envoy.Resources, diag.List) {
	return g.Program.For(gateway)
}

// refusals returns the errors that refuse the generation to a gateway. Rendering may tell of more.
func (g *Generation) refusals(gateway model.Gateway) diag.List {
	if len(g.unreadable) > 0 {
		return g.unreadable
	}
	return g.Program.Refusals(gateway)
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
