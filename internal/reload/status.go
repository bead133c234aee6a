package reload

import (
	"cmp"
	"slices"
	"time"

	"github.com/portreeve/portreeve/internal/state"
	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/diag"
)

// Status is what there is to know about the generations.
type Status struct {
	// Ready says that there is a policy that is good for every gateway and waits for no keys,
	// be it the latest or not, and that every file could be read or has gone.
	Ready  bool     `json:"ready"`
	Latest *Reading `json:"latest"`
	// Changes are the objects that the latest has in place of what was read before it.
	Changes translate.Changes `json:"changes"`
	// Waiting names the sources of keys that the latest waits for before gateways that need
	// them are served it. It waits for none for longer than fetching them may take.
	Waiting []string `json:"waiting,omitempty"`
	// Diagnostics are those of the latest generation, those about files that cannot be read at this
	// moment and keep what they last held, and those about policies that apply to none of the
	// gateways that are connected.
	Diagnostics diag.List     `json:"findings"`
	Groups      []GroupStatus `json:"groups"`
	// Moved are gateways that came back in a group on which nothing is enforced.
	Moved []Moved `json:"moved,omitempty"`
	// Identities says which mappings of identities are in force; nil where none are known.
	Identities *IdentityStatus `json:"identities,omitempty"`
	// Alerts says which AuditAlerts are in force; nil where none are known.
	Alerts *AlertStatus `json:"alerts,omitempty"`
	// Certificates are those of the Secrets that Gateways name.
	Certificates []CertificateStatus `json:"certificates"`
	// HeldByRecord is the generation that was read and is held back, as the record does not take it; nil is none.
	// The latest is then the one before it.
	HeldByRecord *HeldStatus `json:"heldByRecord,omitempty"`
	// State is nil where nothing is kept on disk.
	State *state.Status `json:"state,omitempty"`
}

// HeldStatus is a generation that is served to nobody because the record does not take it.
type HeldStatus struct {
	Generation Reading `json:"generation"`
	// Since is from when on generations were held back, Reason why this one is, and Attempts how often the record
	// was asked to take it. It is asked again at Next, and at each edit.
	Since    time.Time `json:"since"`
	Reason   string    `json:"reason"`
	Attempts int       `json:"attempts"`
	Next     time.Time `json:"next"`
}

// Reading names a generation.
type Reading struct {
	Seq  uint64    `json:"seq"`
	At   time.Time `json:"at"`
	Hash string    `json:"hash"`
}

// IdentityStatus says which mappings of identities are in force.
type IdentityStatus struct {
	// Generation is the one that they are of.
	Generation Reading `json:"generation"`
	Count      int     `json:"count"`
}

// GroupStatus says what a group of gateways is served.
type GroupStatus struct {
	Namespace string            `json:"namespace"`
	Labels    map[string]string `json:"labels"`
	// Serving is nil where there is no good policy for the group yet.
	Serving *Reading `json:"serving"`
	// Refused are the errors that keep the latest generation from the group.
	Refused diag.List `json:"refused"`
	// Enforcing is how many objects that are written enforce anything on the group, and
	// EnforcedBy are the first ten of them.
	Enforcing  int                 `json:"enforcing"`
	EnforcedBy []translate.Written `json:"enforcedBy,omitempty"`
	// TokenRequired says that some of them asks for a token.
	TokenRequired bool `json:"tokenRequired"`
	// Diagnostics are warnings about what the group is served.
	Diagnostics diag.List `json:"findings,omitempty"`
	// Waiting names the sources of keys that the group waits for before it is served the latest.
	Waiting []string `json:"waiting,omitempty"`
	key     string
}

// Key is the group's key.
func (g GroupStatus) Key() string { return g.key }

// maxAlone bounds what RefusedAlone returns.
const maxAlone = 50

// RefusedAlone returns what keeps the latest generation from some groups of gateways and is
// not among the findings, each once and at most fifty.
func (s Status) RefusedAlone() []string {
	told := map[string]bool{}
	for _, f := range s.Diagnostics {
		told[f.String()] = true
	}
	var out []string
	for _, g := range s.Groups {
		for _, line := range g.Refused.Lines() {
			if !told[line] && len(out) < maxAlone {
				told[line] = true
				out = append(out, line)
			}
		}
	}
	return out
}

// Status returns the state after the last change of it. It never waits for a reload.
func (r *Reloader) Status() Status {
	v := r.shown.Load()
	out := Status{Ready: v.ready(), Latest: reading(v.latest), Diagnostics: diag.List{}, Groups: []GroupStatus{}, Certificates: v.certificates(r.options.Now()), State: r.keeper.status()}
	if from := granting(v.kept); from != nil {
		out.Identities = &IdentityStatus{*reading(from), len(from.mappings)}
	}
	out.Alerts = r.watching.shown.Load()
	if w := v.withheld; w != nil {
		out.HeldByRecord = &HeldStatus{w.Reading, w.since, w.reason, w.attempts, w.next}
	}
	switch {
	case v.latest != nil:
		out.Moved, out.Changes = r.nodes.moved(v), v.latest.changes
		out.Diagnostics, out.Waiting = slices.Concat(v.latest.Diagnostics(), v.held, v.unapplied()).Sorted(), v.latest.waitingNames(v.awaited)
	case v.withheld == nil:
		return out
	}
	for _, g := range v.groups {
		if !g.connected {
			continue
		}
		out.Groups = append(out.Groups, GroupStatus{
			Namespace: g.gateway.Namespace, Labels: g.gateway.Labels, Serving: reading(g.serving), Refused: g.refused, Waiting: slices.Clone(g.waiting), key: g.key,
			Enforcing: g.effect.Enforcing, EnforcedBy: g.effect.By, TokenRequired: g.effect.AsksForToken, Diagnostics: g.effect.Diagnostics,
		})
	}
	slices.SortFunc(out.Groups, func(a, b GroupStatus) int { return cmp.Compare(a.key, b.key) })
	return out
}

// ready reports whether there is a policy that is good for every gateway and waits for no keys,
// and every file can be read. It may be that of an earlier process while the first one that was read is held back.
func (v *view) ready() bool {
	good := func(g *Generation) bool { return g.clean() && !g.waits(v.awaited) }
	return (v.latest != nil || v.withheld != nil) && len(v.held) == 0 && slices.ContainsFunc(v.kept, good)
}

func reading(g *Generation) *Reading {
	if g == nil {
		return nil
	}
	return &Reading{Seq: g.Seq, At: g.At, Hash: g.Hash}
}
