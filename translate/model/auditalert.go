package model

import (
	"path"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	portreevev1alpha1 "github.com/portreeve/portreeve/proto/portreeve/v1alpha1"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// MaxAlerts is how many AuditAlert objects may be in force, and MaxOwnAlerts how many of one namespace that is not the root.
const (
	MaxAlerts    = 100
	MaxOwnAlerts = 20
)

// What counts where an AuditAlert does not say it.
const (
	defaultGroupWait     = 10 * time.Second
	defaultGroupInterval = 5 * time.Minute
	defaultAlertRate     = 10
	defaultAlertPeriod   = time.Hour
)

// AuditAlert says which events of the record a webhook is told of. It is one object of that kind that no error touches.
// It is immutable.
type AuditAlert struct {
	Key resource.Key
	// Namespace is the one of which it may tell; empty is all, for an object of the root namespace. It fails closed: in any
	// other namespace an alert tells of that one alone.
	Namespace string
	// Events are such that one of them has to match.
	Events  []AlertEvents
	Webhook string
	// GroupBy are of type, outcome, namespace, subject and object: what the events of a message have in common.
	GroupBy                  []string
	GroupWait, GroupInterval time.Duration
	// At most Rate messages are sent in each Period.
	Rate   int
	Period time.Duration
	// Origin is where the object stands.
	Origin diag.Position
}

// AlertEvents matches an event for which each list holds that is not empty: one of its patterns matches. The patterns
// are those of path.Match.
type AlertEvents struct {
	Types, Outcomes, Namespaces []string
	Objects                     []AlertObject
}

// AlertObject matches an object for which each pattern holds that is not empty.
type AlertObject struct{ Kind, Namespace, Name string }

// TakeAlerts takes the AuditAlert objects out of the resources, and returns what they say, in their order, and the
// others. Nothing below sees them, so that no alert can change what a gateway is served, and no error about them
// reaches a gateway.
func TakeAlerts(resources []*resource.Resource, s Settings) ([]AuditAlert, []*resource.Resource, diag.List) {
	isAlert := func(r *resource.Resource) bool { return r.Kind == resource.AuditAlert }
	if !slices.ContainsFunc(resources, isAlert) {
		return nil, resources, nil
	}
	var alerts []AuditAlert
	var written []*resource.Resource
	var found diag.List
	others := make([]*resource.Resource, 0, len(resources))
	root := s.completed().RootNamespace
	for _, r := range resources {
		spec, ok := r.Spec.(*portreevev1alpha1.AuditAlert)
		if !ok {
			others = append(others, r)
			continue
		}
		a := alertOf(r, spec, root)
		found = append(found, a.unheard(r, s.Webhooks)...)
		found = append(found, a.foreign(r, spec)...)
		alerts, written = append(alerts, a), append(written, r)
	}
	return alerts, others, append(found, tooMany(alerts, written)...)
}

// tooMany reports the alerts that there is no room for. Those of the root namespace have theirs first, and no other namespace has
// all: nobody silences the alerts of others by bringing many.
func tooMany(alerts []AuditAlert, written []*resource.Resource) diag.List {
	var found diag.List
	in, of := 0, map[string]int{}
	for _, root := range []bool{true, false} {
		for i := range alerts {
			namespace := alerts[i].Namespace
			if root != (namespace == "") {
				continue
			}
			report := func(format string, args ...any) {
				d := diagnosticAt(diag.CodeAlertMany, written[i], resource.Path{"metadata", "name"}, format, args...).
					WithHint("join some: an AuditAlert may have several entries of events")
				found = append(found, d)
			}
			switch {
			case in == MaxAlerts:
				report("this is one AuditAlert of more than %d", MaxAlerts)
			case !root && of[namespace] == MaxOwnAlerts:
				report("this is one AuditAlert of more than %d in %s", MaxOwnAlerts, namespace)
			default:
				in, of[namespace] = in+1, of[namespace]+1
			}
		}
	}
	return found
}

func alertOf(r *resource.Resource, spec *portreevev1alpha1.AuditAlert, root string) AuditAlert {
	a := AuditAlert{
		Key: r.Key, Namespace: r.Namespace, Webhook: spec.GetWebhook(), GroupBy: slices.Clone(spec.GetGroupBy()),
		GroupWait: orDefault(spec.GetGroupWait(), defaultGroupWait), GroupInterval: orDefault(spec.GetGroupInterval(), defaultGroupInterval),
		Rate: defaultAlertRate, Period: orDefault(spec.GetRateLimit().GetPeriod(), defaultAlertPeriod),
		Origin: r.Origin.At(resource.Path{"metadata", "name"}),
	}
	if r.Namespace == root {
		a.Namespace = ""
	}
	if spec.GetRateLimit() != nil {
		a.Rate = int(spec.GetRateLimit().GetCount())
	}
	for _, e := range spec.GetEvents() {
		events := AlertEvents{Types: slices.Clone(e.GetTypes()), Outcomes: slices.Clone(e.GetOutcomes()), Namespaces: slices.Clone(e.GetNamespaces())}
		for _, o := range e.GetObjects() {
			events.Objects = append(events.Objects, AlertObject{Kind: o.GetKind(), Namespace: o.GetNamespace(), Name: o.GetName()})
		}
		a.Events = append(a.Events, events)
	}
	return a
}

func orDefault(d *durationpb.Duration, otherwise time.Duration) time.Duration {
	if d == nil {
		return otherwise
	}
	return d.AsDuration()
}

// unheard reports a webhook that there is not, where the webhooks are known.
func (a *AuditAlert) unheard(r *resource.Resource, webhooks []string) diag.List {
	if webhooks == nil || slices.Contains(webhooks, a.Webhook) {
		return nil
	}
	hint := "serve has no webhooks: start it with --audit-sinks"
	if len(webhooks) > 0 {
		hint = "one of " + strings.Join(webhooks, ", ")
	}
	return diag.List{diagnosticAt(diag.CodeAlertWebhook, r, resource.Path{"spec", "webhook"}, "there is no webhook %q", a.Webhook).WithHint("%s", hint)}
}

// foreign reports what a namespace's own alert will never be told.
func (a *AuditAlert) foreign(r *resource.Resource, spec *portreevev1alpha1.AuditAlert) diag.List {
	var found diag.List
	check := func(at resource.Path, pattern string) {
		if matched, _ := path.Match(pattern, a.Namespace); a.Namespace == "" || pattern == "" || matched {
			return
		}
		found = append(found, diagnosticAt(diag.CodeAlertNamespace, r, at, "an AuditAlert in %s is told nothing of %s", a.Namespace, pattern).
			WithHint("put it into the root namespace, or ask for %s", a.Namespace))
	}
	for i, e := range spec.GetEvents() {
		at := resource.Path{"spec", "events", i}
		for j, n := range e.GetNamespaces() {
			check(at.Field("namespaces", j), n)
		}
		for j, o := range e.GetObjects() {
			check(at.Field("objects", j, "namespace"), o.GetNamespace())
		}
	}
	return found
}

// Same reports whether two alerts say the same and stand in the same place.
func (a *AuditAlert) Same(o *AuditAlert) bool {
	sameEvents := func(a, b AlertEvents) bool {
		return slices.Equal(a.Types, b.Types) && slices.Equal(a.Outcomes, b.Outcomes) && slices.Equal(a.Namespaces, b.Namespaces) && slices.Equal(a.Objects, b.Objects)
	}
	return a.Key == o.Key && a.Namespace == o.Namespace && a.Webhook == o.Webhook && a.GroupWait == o.GroupWait && a.GroupInterval == o.GroupInterval &&
		a.Rate == o.Rate && a.Period == o.Period && a.Origin == o.Origin && slices.Equal(a.GroupBy, o.GroupBy) && slices.EqualFunc(a.Events, o.Events, sameEvents)
}
