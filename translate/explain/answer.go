package explain

import (
	"slices"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// Verdict is what becomes of a request.
type Verdict string

const (
	// Allowed: it reaches a destination.
	Allowed Verdict = "allowed"
	// Denied: policy refuses it.
	Denied Verdict = "denied"
	// Answered: the gateway answers itself, and no policy refuses it: a redirect, a direct response,
	// no route, a fault, a preflight.
	Answered Verdict = "answered"
	// Closed: no listener or chain takes the connection.
	Closed Verdict = "closed"
	// Depends: what the request does not say decides between verdicts.
	Depends Verdict = "depends"
)

// Answer is what a request gets, and why. Equal requests to equal configurations give equal answers.
type Answer struct {
	Verdict Verdict `json:"verdict"`
	// Reply is what the gateway answers itself; its fields are empty where a destination answers, or
	// where they depend on what is not known.
	traffic.Reply
	// Destination is where it goes, or would go where it is denied; nil where nowhere or not known.
	Destination *Destination `json:"destination,omitempty"`
	// Decisive is the index in Reasons of the one that decides, or -1.
	Decisive int `json:"decisive"`
	// Reasons are all that was found, in the order of listener, filters and routes: of what was not
	// reached too, as it would have been.
	Reasons []Reason `json:"reasons"`
	// DependsOn are the facts that the verdict depends on, in order of their names.
	DependsOn []string `json:"dependsOn,omitempty"`
	// Ends are all ways in which the request may end, in the order in which they would; one where all is known.
	Ends []End `json:"ends"`
	// NotLookedAt says what the answer does not take into account.
	NotLookedAt []string `json:"notLookedAt,omitempty"`
	// NotHeard says why no listener takes the connection; empty where one does.
	NotHeard string `json:"notHeard,omitempty"`
	// Disagreement says in what two forms of one policy differ that have to give the same; see NewTold. Where it is
	// not empty nothing else counts: it is a fault of this program.
	Disagreement string `json:"disagreement,omitempty"`
	// Client are the addresses by which rules know the client; nil where nothing took the connection.
	Client *Addresses `json:"client,omitempty"`
}

// Addresses are those of a client; they are empty where they are not known.
type Addresses struct {
	// Direct is the connection's other end, which ipBlocks and source.ip see.
	Direct string `json:"direct,omitempty"`
	// Remote is what the gateway takes for the client's, by x-forwarded-for and the PROXY protocol:
	// remoteIpBlocks and remote.ip see it.
	Remote string `json:"remote,omitempty"`
}

// End is a way in which the request may end.
type End struct {
	// If is the condition under which it does, where no end before it does; see traffic.Condition.String.
	If      string  `json:"if,omitempty"`
	Verdict Verdict `json:"verdict"`
	traffic.Reply
	// Reason is the index in Reasons of the one that decides, or -1.
	Reason int `json:"reason"`
}

// Reason is a finding, and where the rule is written.
type Reason struct {
	traffic.Finding
	// If is the finding's Matched: `holds`, `fails`, or what it depends on.
	If string `json:"if"`
	// At is where the rule is written; nil where nobody wrote it.
	At *diag.Position `json:"at,omitempty"`
	// ClauseAt is where the condition that failed is written, as far as that is known.
	ClauseAt *diag.Position `json:"clauseAt,omitempty"`
}

// Destination is where a request goes.
type Destination struct {
	Listener string `json:"listener"`
	// Chain is the name of the filter chain, empty where the listener has only one.
	Chain       string `json:"chain,omitempty"`
	VirtualHost string `json:"virtualHost,omitempty"`
	Route       string `json:"route,omitempty"`
	// Clusters are those of which one is chosen, with their weights; one in most cases.
	Clusters []WeightedCluster `json:"clusters"`
	// Authority, Path and Headers are what the backend sees, as far as routes and filters decide:
	// not what Envoy adds for itself (x-request-id, x-envoy-*), nor what an authorizer adds.
	Authority string `json:"authority,omitempty"`
	Path      string `json:"path,omitempty"`
	// Headers are those of which all is known; see Unsure.
	Headers []traffic.Header `json:"headers,omitempty"`
	unsure  []func(name string) bool
	// At is where the route is written.
	At *diag.Position `json:"at,omitempty"`
}

// Unsure reports whether it is not known if the backend sees a header, whose name is in lower case, and with which
// value: that depends on the cluster which is chosen, on an authorizer, or on what Envoy alone knows.
func (d *Destination) Unsure(name string) bool {
	return slices.ContainsFunc(d.unsure, func(unsure func(string) bool) bool { return unsure(name) })
}

// WeightedCluster is a cluster that a route leads to.
type WeightedCluster struct {
	Name   string `json:"name"`
	Weight uint32 `json:"weight,omitempty"`
}
