package reload

import (
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/diag"
)

// reporter tells the log and the metrics of generations, each once.
type reporter struct {
	logger  *slog.Logger
	metrics *Metrics
}

// generation tells of the latest generation, with every finding, once it was published.
func (r reporter) generation(h *history, f *fleet, now *view) {
	findings, changes := h.latest.Diagnostics(), h.latest.changes
	log := r.logger.With("generation", h.latest.Seq, "hash", h.latest.Hash)
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
	if h.waits() {
		log.Info("policy waits for keys before it is served", "sources", h.latest.waitingNames(h.awaited))
	}
	if nowhere := now.unapplied(); len(nowhere) > 0 {
		log.Warn("policies apply to none of the gateways that are connected", "findings", nowhere.Brief(maxGroupLines))
	}
	r.metrics.generation(h.latest, append(findings, f.refusals()...).Sorted())
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

// refusals returns what keeps the latest generation from the groups that are connected.
func (f *fleet) refusals() diag.List {
	var out diag.List
	for _, g := range f.groups {
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

// joined tells of what a group is given that has connected.
func (r reporter) joined(latest *Generation, g *group) {
	switch {
	case g.published:
		r.groups(latest, []*group{g})
	case len(g.waiting) > 0:
		r.logger.Info("policy for gateway waits for keys, its listeners open then", "group", g.key, "sources", g.waiting)
	default:
		r.logger.Error("no good policy for gateway, its listeners do not open", "group", g.key, "findings", g.refused.Brief(maxTold))
	}
}

// groups logs what is found for some groups of gateways alone, which is not among the findings of
// the generation: a Secret that is not in their namespace, or that nothing would be enforced on
// them. Groups for which the same is found share a line.
func (r reporter) groups(latest *Generation, groups []*group) {
	if latest == nil {
		return
	}
	told := sync.OnceValue(func() map[string]bool {
		out := map[string]bool{}
		for _, line := range latest.Diagnostics().Lines() {
			out[line] = true
		}
		return out
	})
	own := func(findings diag.List) string {
		lines := slices.DeleteFunc(findings.Lines(), func(line string) bool { return told()[line] })
		return strings.Join(lines, "\n")
	}
	refused, warned := map[string][]string{}, map[string][]string{}
	for _, g := range groups {
		if !g.connected {
			continue
		}
		if text := own(g.refused); text != "" {
			refused[text] = append(refused[text], g.key)
		}
		if g.effect == nil || g.serving != latest {
			continue
		}
		if text := own(g.effect.Diagnostics); text != "" {
			warned[text] = append(warned[text], g.key)
		}
	}
	for text, keys := range bounded(refused) {
		r.logger.Error("policy refused for groups of gateways, the last good one stays", "count", len(keys), "groups", keys[:min(len(keys), maxGroupNames)], "findings", strings.Split(text, "\n"))
	}
	for text, keys := range bounded(warned) {
		r.logger.Warn("policy served to groups of gateways with warnings", "count", len(keys), "groups", keys[:min(len(keys), maxGroupNames)], "findings", strings.Split(text, "\n"))
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
