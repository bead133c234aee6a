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
	// told and unapplied are what was found of the generation before, and of the gateways that were connected then; with
	// a start they are empty, so that all is said.
	told, unapplied seen
}

// generation tells of the latest generation, once it was published: a line of what became of it, and one for each finding that
// is an error or was not found of the generation before.
func (r *reporter) generation(h *history, f *fleet, now *view) {
	findings, changes := h.latest.Diagnostics(), h.latest.changes
	log := r.logger.With("generation", h.latest.Seq, "hash", h.latest.Hash)
	if changes.Removed.Total > 0 {
		log.Warn("objects are not written any more", "count", changes.Removed.Total, "objects", lines(changes.Removed))
	}
	log = log.With("added", changes.Added.Total, "changed", changes.Changed.Total, "removed", changes.Removed.Total, "unread", changes.Unread.Total)
	if named := slices.Concat(lines(changes.Added), lines(changes.Changed)); len(named) > 0 {
		log = log.With("objects", named)
	}
	news := r.told.news(findings)
	r.told = seenOf(findings)
	switch {
	case findings.HasErrors():
		log.Error("policy refused, the last good one stays where the errors reach", "errors", len(findings.Errors()), "warnings", len(findings)-len(findings.Errors()), "as_before", len(findings)-len(news))
	case len(findings) > 0:
		log.Warn("policy compiled with warnings", "warnings", len(findings), "as_before", len(findings)-len(news))
	default:
		log.Info("policy compiled")
	}
	tell(r.logger.With("generation", h.latest.Seq), news, maxTold)
	if h.waits() {
		log.Info("policy waits for keys before it is served", "sources", h.latest.waitingNames(h.awaited))
	}
	nowhere := now.unapplied()
	if news := r.unapplied.news(nowhere); len(news) > 0 {
		log.Warn("policies apply to none of the gateways that are connected", "count", len(nowhere), "as_before", len(nowhere)-len(news))
		tell(r.logger.With("generation", h.latest.Seq), news, maxGroupLines)
	}
	r.unapplied = seenOf(nowhere)
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

// The bounds of what the log says: findings of one generation or group, groups with findings of their own, and groups named in a line.
const (
	maxTold       = 100
	maxGroupLines = 20
	maxGroupNames = 10
)

// joined tells of what a group is given that has connected.
func (r *reporter) joined(latest *Generation, g *group) {
	switch {
	case g.published:
		r.groups(latest, []*group{g})
	case len(g.waiting) > 0:
		r.logger.Info("policy for gateway waits for keys, its listeners open then", "group", g.key, "sources", g.waiting)
	default:
		r.logger.Error("no good policy for gateway, its listeners do not open", "group", g.key, "errors", len(g.refused))
		tell(r.logger.With("group", g.key), g.refused, maxTold)
	}
}

// groups logs what is found for some groups of gateways alone, which is not among the findings of
// the generation: a Secret that is not in their namespace, or that nothing would be enforced on
// them. Groups for which the same is found share the lines.
func (r *reporter) groups(latest *Generation, groups []*group) {
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
	own := func(findings diag.List) diag.List {
		return slices.DeleteFunc(slices.Clone(findings), func(d diag.Diagnostic) bool { return told()[d.String()] })
	}
	refused, warned := byFindings{}, byFindings{}
	for _, g := range groups {
		if !g.connected {
			continue
		}
		refused.add(own(g.refused), g.key)
		if g.effect == nil || g.serving != latest {
			continue
		}
		warned.add(own(g.effect.Diagnostics), g.key)
	}
	for _, same := range refused.bounded() {
		r.logger.Error("policy refused for groups of gateways, the last good one stays", "count", len(same.keys), "groups", same.named(), "errors", len(same.findings))
		tell(r.logger.With("group", same.keys[0]), same.findings, maxTold)
	}
	for _, same := range warned.bounded() {
		r.logger.Warn("policy served to groups of gateways with warnings", "count", len(same.keys), "groups", same.named(), "warnings", len(same.findings))
		tell(r.logger.With("group", same.keys[0]), same.findings, maxTold)
	}
}

// byFindings are groups of gateways by what is found for them.
type byFindings map[string]*found

// found are the groups for which the same is found.
type found struct {
	findings diag.List
	keys     []string
}

// named are as many of the groups as a line names.
func (f *found) named() []string { return f.keys[:min(len(f.keys), maxGroupNames)] }

func (a byFindings) add(findings diag.List, key string) {
	if len(findings) == 0 {
		return
	}
	text := strings.Join(findings.Lines(), "\n")
	if a[text] == nil {
		a[text] = &found{findings: findings}
	}
	a[text].keys = append(a[text].keys, key)
}

// bounded returns them in order; what is found beyond the bound is said of nobody here, and stands in the status.
func (a byFindings) bounded() (out []*found) {
	for _, text := range slices.Sorted(maps.Keys(a)) {
		if len(out) == maxGroupLines {
			break
		}
		out = append(out, a[text])
	}
	return out
}
