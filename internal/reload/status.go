package reload

import (
	"cmp"
	"slices"
	"time"

	"github.com/portreeve/portreeve/internal/diag"
	"github.com/portreeve/portreeve/internal/state"
	"github.com/portreeve/portreeve/translate/envoy"
)

// Status is what there is to know about the generations.
type Status struct {
	// Ready says that there is a policy that is good for every gateway and waits for no keys,
	// be it the latest or not.
	Ready  bool     `json:"ready"`
	Latest *Reading `json:"latest"`
	// Waiting names the sources of keys that the latest waits for before gateways that need
	// them are served it. It waits for none for longer than fetching them may take.
	Waiting  []string      `json:"waiting,omitempty"`
	Findings diag.List     `json:"findings"`
	Groups   []GroupStatus `json:"groups"`
	// Certificates are those of the Secrets that Gateways name.
	Certificates []CertificateStatus `json:"certificates"`
	// State is nil where nothing is kept on disk.
	State *state.Status `json:"state,omitempty"`
}

// Reading names a generation.
type Reading struct {
	Seq  uint64    `json:"seq"`
	At   time.Time `json:"at"`
	Hash string    `json:"hash"`
}

// GroupStatus says what a group of gateways is served.
type GroupStatus struct {
	Namespace string            `json:"namespace"`
	Labels    map[string]string `json:"labels"`
	// Serving is nil where there is no good policy for the group yet.
	Serving *Reading `json:"serving"`
	// Refused are the errors that keep the latest generation from the group.
	Refused diag.List `json:"refused"`
	// Waiting names the sources of keys that the group waits for before it is served the latest.
	Waiting []string `json:"waiting,omitempty"`
	key     string
}

// Key is the group's key.
func (g GroupStatus) Key() string { return g.key }

// Status returns the state after the last change of it. It never waits for a reload.
func (r *Reloader) Status() Status {
	v := r.shown.Load()
	out := Status{Ready: v.ready(), Latest: reading(v.latest), Findings: diag.List{}, Groups: []GroupStatus{}, Certificates: v.certificates(r.options.Now())}
	if r.saver != nil {
		kept := r.saver.Status()
		out.State = &kept
	}
	if v.latest == nil {
		return out
	}
	out.Findings, out.Waiting = v.latest.Findings(), v.latest.waitingNames(v.awaited)
	for _, g := range v.groups {
		if !g.connected {
			continue
		}
		out.Groups = append(out.Groups, GroupStatus{
			Namespace: g.gateway.Namespace, Labels: g.gateway.Labels, Serving: reading(g.serving), Refused: g.refused, Waiting: slices.Clone(g.waiting), key: g.key,
		})
	}
	slices.SortFunc(out.Groups, func(a, b GroupStatus) int { return cmp.Compare(a.key, b.key) })
	return out
}

// ready reports whether there is a policy that is good for every gateway and waits for no keys.
func (v *view) ready() bool {
	good := func(g *Generation) bool { return g.clean() && !g.waits(v.awaited) }
	return v.latest != nil && slices.ContainsFunc(v.kept, good)
}

func reading(g *Generation) *Reading {
	if g == nil {
		return nil
	}
	return &Reading{Seq: g.Seq, At: g.At, Hash: g.Hash}
}

// Serving returns what a group is served, and whether it is served anything. It never waits for a reload.
func (r *Reloader) Serving(key string) (envoy.Resources, bool) {
	resources, ok := r.served.Load(key)
	if !ok {
		return envoy.Resources{}, false
	}
	return resources.(envoy.Resources), true
}
