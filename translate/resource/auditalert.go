package resource

import (
	"path"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	portreevev1alpha1 "github.com/portreeve/portreeve/proto/portreeve/v1alpha1"
	"github.com/portreeve/portreeve/translate/diag"
)

// The bounds of an AuditAlert.
const (
	// maxAlertEvents is how many entries of events it may have.
	maxAlertEvents = 16
	// maxAlertPatterns is how many entries each list of them may have, and maxAlertPattern how long one may be.
	maxAlertPatterns, maxAlertPattern = 32, 253
	// maxAlertWait is how long a group may wait, and maxAlertPeriod the longest time that messages are counted in.
	maxAlertWait, maxAlertPeriod = time.Hour, 24 * time.Hour
	// maxAlertRate is how many messages there may be in that time.
	maxAlertRate = 1000
)

// EventTypes returns the types of the events of the record, as an AuditAlert names them.
func EventTypes() []string {
	return []string{
		"plane.started", "plane.stopped", "generation.read", "generation.published",
		"gateway.connected", "gateway.disconnected", "gateway.refused", "response.refused", "response.accepted",
		"keys.rotated", "keys.failed", "keys.fetched", "certificate.changed", "admin.roles.changed", "admin.refused",
		"audit.sink.failed", "audit.sink.recovered", "audit.lost", "audit.recovered", "audit.pruned", "audit.signed",
	}
}

// EventOutcomes returns the outcomes of the events of the record.
func EventOutcomes() []string { return []string{"success", "served", "refused", "waiting", "failure"} }

// EventGroupings returns what an AuditAlert may group events by.
func EventGroupings() []string { return []string{"type", "outcome", "namespace", "subject", "object"} }

// auditAlertChecker checks an AuditAlert. What never matches is an error: an alert that is silent for a slip of the pen is
// missed only when it is needed.
type auditAlertChecker struct{ valueChecker }

func checkAuditAlert(v valueChecker, m proto.Message) {
	c, spec, at := auditAlertChecker{v}, m.(*portreevev1alpha1.AuditAlert), Path{"spec"}
	if len(spec.GetEvents()) == 0 {
		c.addMissing(diag.CodeAlertMissing, c.deepest(at, "events"), "the AuditAlert is about no events").WithHint("events: [{types: [generation.*], outcomes: [refused]}]")
	}
	c.atMost(at.Field("events"), len(spec.GetEvents()), maxAlertEvents)
	for i, e := range spec.GetEvents() {
		c.events(at.Field("events", i), e)
	}
	if spec.GetWebhook() == "" {
		c.addMissing(diag.CodeAlertMissing, c.deepest(at, "webhook"), "the AuditAlert names no webhook").WithHint("the name of one of the webhooks in the file of serve --audit-sinks")
	}
	c.groupBy(at.Field("groupBy"), spec.GetGroupBy())
	c.between(at.Field("groupWait"), spec.GetGroupWait(), 0, maxAlertWait)
	c.between(at.Field("groupInterval"), spec.GetGroupInterval(), time.Second, maxAlertPeriod)
	c.rate(at.Field("rateLimit"), spec.GetRateLimit())
}

func (c auditAlertChecker) events(at Path, e *portreevev1alpha1.AlertEvents) {
	if len(e.GetTypes())+len(e.GetOutcomes())+len(e.GetNamespaces())+len(e.GetObjects()) == 0 {
		c.addMissing(diag.CodeAlertMissing, at, "%s matches nothing", at).WithHint("types, outcomes, namespaces or objects; types: ['*'] for every event")
	}
	c.patterns(at.Field("types"), e.GetTypes(), EventTypes())
	c.atMost(at.Field("outcomes"), len(e.GetOutcomes()), maxAlertPatterns)
	for i, o := range e.GetOutcomes() {
		if !slices.Contains(EventOutcomes(), o) {
			c.add(diag.CodeAlertValue, at.Field("outcomes", i), "%q is no outcome", o).WithHint("%s", choice(o, EventOutcomes()))
		}
	}
	c.patterns(at.Field("namespaces"), e.GetNamespaces(), nil)
	c.atMost(at.Field("objects"), len(e.GetObjects()), maxAlertPatterns)
	for i, o := range e.GetObjects() {
		c.object(at.Field("objects", i), o)
	}
}

func (c auditAlertChecker) object(at Path, o *portreevev1alpha1.AlertObject) {
	if o.GetKind() == "" && o.GetNamespace() == "" && o.GetName() == "" {
		c.addMissing(diag.CodeAlertMissing, at, "%s matches nothing", at).WithHint("kind, namespace or name; kind: '*' for every object")
		return
	}
	if o.GetKind() != "" {
		c.pattern(at.Field("kind"), o.GetKind(), recordedKinds())
	}
	if o.GetNamespace() != "" {
		c.pattern(at.Field("namespace"), o.GetNamespace(), nil)
	}
	if o.GetName() != "" {
		c.pattern(at.Field("name"), o.GetName(), nil)
	}
}

// recordedKinds are the kinds of the objects that events name.
func recordedKinds() []string {
	out := []string{"Secret", "MeshConfig"}
	for _, d := range definitions() {
		out = append(out, string(d.kind))
	}
	return out
}

func (c auditAlertChecker) patterns(at Path, patterns, known []string) {
	c.atMost(at, len(patterns), maxAlertPatterns)
	for i, p := range patterns {
		c.pattern(at.Field(i), p, known)
	}
}

// pattern checks one that has to match one of the known values, or anything where these are nil.
func (c auditAlertChecker) pattern(at Path, pattern string, known []string) {
	_, err := path.Match(pattern, "")
	matches := func(value string) bool { matched, _ := path.Match(pattern, value); return matched }
	switch {
	case pattern == "":
		c.add(diag.CodeAlertValue, at, "%s is empty", at).WithHint("write what is meant, or take it out")
	case len(pattern) > maxAlertPattern:
		c.add(diag.CodeAlertValue, at, "%s has %d characters", at, len(pattern)).WithHint("at most %d", maxAlertPattern)
	case err != nil:
		c.add(diag.CodeAlertValue, at, "%q is no pattern", pattern).WithHint("* is any text, ? one character, [a-z] one of several; \\ before one of these is that character")
	case known != nil && !slices.ContainsFunc(known, matches):
		c.add(diag.CodeAlertValue, at, "%q matches none that there is", pattern).WithHint("%s", choice(pattern, known))
	}
}

func (c auditAlertChecker) groupBy(at Path, by []string) {
	for i, b := range by {
		switch {
		case !slices.Contains(EventGroupings(), b):
			c.add(diag.CodeAlertValue, at.Field(i), "events cannot be grouped by %q", b).WithHint("%s", choice(b, EventGroupings()))
		case slices.Contains(by[:i], b):
			c.add(diag.CodeAlertValue, at.Field(i), "%s is there twice", b).WithHint("keep one of them")
		}
	}
}

func (c auditAlertChecker) rate(at Path, r *portreevev1alpha1.AlertRateLimit) {
	switch count := r.GetCount(); {
	case r == nil:
		return
	case count == 0 || count > maxAlertRate:
		c.addMissing(diag.CodeAlertValue, c.deepest(at, "count"), "%s allows %d messages", at, count).WithHint("count: 1 to %d", maxAlertRate)
	}
	c.between(at.Field("period"), r.GetPeriod(), time.Second, maxAlertPeriod)
}

func (c auditAlertChecker) between(at Path, d *durationpb.Duration, least, most time.Duration) {
	if d != nil && (!d.IsValid() || d.AsDuration() < least || d.AsDuration() > most) {
		c.add(diag.CodeAlertValue, at, "%s is %s", at, d.AsDuration()).WithHint("%s to %s", least, most)
	}
}
