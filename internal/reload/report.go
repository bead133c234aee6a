package reload

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/diag"
)

// report logs a generation once, with every finding.
func (r *Reloader) report() {
	findings, changes := r.latest.Findings(), r.latest.changes
	log := r.options.Logger.With("generation", r.latest.Seq, "hash", r.latest.Hash)
	if changes.Removed.Total > 0 {
		log.Warn("objects are not written any more", "count", changes.Removed.Total, "objects", lines(changes.Removed))
	}
	log = log.With("added", changes.Added.Total, "changed", changes.Changed.Total, "removed", changes.Removed.Total, "unread", changes.Unread.Total)
	if named := slices.Concat(lines(changes.Added), lines(changes.Changed)); len(named) > 0 {
		log = log.With("objects", named)
	}
	switch {
	case findings.HasErrors():
		log.Error("policy refused, the last good one stays where the errors reach", "findings", findings.ErrorsFirst().Brief(maxTold))
	case len(findings) > 0:
		log.Warn("policy compiled with warnings", "findings", findings.ErrorsFirst().Brief(maxTold))
	default:
		log.Info("policy compiled")
	}
	if r.latest.waits(r.awaited) {
		log.Info("policy waits for keys before it is served", "sources", r.latest.waitingNames(r.awaited))
	}
	if nowhere := r.shown.Load().unapplied(); len(nowhere) > 0 {
		log.Warn("policies apply to none of the gateways that are connected", "findings", nowhere.Brief(maxGroupLines))
	}
	r.options.Metrics.generation(r.latest, append(findings, r.ofGroups()...).Sorted())
}

// lines are the objects that are named, each with its place.
func lines(o translate.Objects) []string {
	var out []string
	for _, named := range o.Named {
		line := named.Pos.String() + ": " + named.Object
		if named.By != "" {
			line += ", left out by " + named.By
		}
		out = append(out, line)
	}
	return out
}

// ofGroups returns what was found for the groups that are connected.
func (r *Reloader) ofGroups() diag.List {
	var out diag.List
	for _, g := range r.groups {
		if g.connected {
			out = append(out, g.refused...)
		}
	}
	return out
}

// The bounds of what the log says: findings in a line, lines of one kind, and groups named in a line.
const (
	maxTold       = 100
	maxGroupLines = 20
	maxGroupNames = 10
)

// reportGroups logs what is found for some groups of gateways alone, which is not among the
// findings of the generation: a Secret that is not in their namespace, or that nothing would be
// enforced on them. Groups for which the same is found share a line.
func (r *Reloader) reportGroups(keys ...string) {
	if r.latest == nil {
		return
	}
	told := sync.OnceValue(func() map[string]bool {
		out := map[string]bool{}
		for _, line := range r.latest.Findings().Lines() {
			out[line] = true
		}
		return out
	})
	own := func(findings diag.List) string {
		lines := slices.DeleteFunc(findings.Lines(), func(line string) bool { return told()[line] })
		return strings.Join(lines, "\n")
	}
	refused, warned := map[string][]string{}, map[string][]string{}
	for _, key := range keys {
		g := r.groups[key]
		if g == nil || !g.connected {
			continue
		}
		if text := own(g.refused); text != "" {
			refused[text] = append(refused[text], key)
		}
		if g.effect == nil || g.serving != r.latest {
			continue
		}
		if text := own(g.effect.Findings); text != "" {
			warned[text] = append(warned[text], key)
		}
	}
	for text, groups := range bounded(refused) {
		r.options.Logger.Error("policy refused for groups of gateways, the last good one stays", "count", len(groups), "groups", groups[:min(len(groups), maxGroupNames)], "findings", strings.Split(text, "\n"))
	}
	for text, groups := range bounded(warned) {
		r.options.Logger.Warn("policy served to groups of gateways with warnings", "count", len(groups), "groups", groups[:min(len(groups), maxGroupNames)], "findings", strings.Split(text, "\n"))
	}
}

// bounded returns the groups by what is found for them; what is found beyond the bound is said
// of nobody here, and stands in the status.
func bounded(found map[string][]string) map[string][]string {
	out := map[string][]string{}
	for _, text := range slices.Sorted(maps.Keys(found)) {
		if len(out) == maxGroupLines {
			break
		}
		out[text] = found[text]
	}
	return out
}
