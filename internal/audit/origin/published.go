package origin

import (
	"fmt"
	"slices"

	"github.com/portreeve/portreeve/internal/audit"
	"github.com/portreeve/portreeve/internal/reload"
	"github.com/portreeve/portreeve/translate/diag"
)

// PublishedDetails are those of what groups of gateways are served. The counts are of all groups that are connected.
type PublishedDetails struct {
	// Latest is the generation that they would all be served if it were good for all; nil before there is one.
	Latest *GenerationName `json:"latest"`
	// Cause is generation, keys, joined, left or state.
	Cause   reload.Cause `json:"cause"`
	Served  int          `json:"served"`
	Refused int          `json:"refused"`
	Waiting int          `json:"waiting"`
	Failed  int          `json:"failed"`
	// Changed is how many groups stand otherwise than was recorded last. They are recorded a hundred at a time: this is Part, from
	// 1, of so many Parts. Those come first that are not served the latest.
	Changed int            `json:"changed"`
	Part    int            `json:"part"`
	Parts   int            `json:"parts"`
	Groups  []GroupDetails `json:"groups,omitempty"`
}

// GroupDetails say how one group stands.
type GroupDetails struct {
	Group     string          `json:"group"`
	Namespace string          `json:"namespace"`
	Standing  reload.Standing `json:"standing"`
	// Serving is nil where it is served nothing.
	Serving *GenerationName `json:"serving"`
	// Refused are the first errors that keep the latest from it, and Waiting the first sources of keys that do.
	Refused []Reason `json:"refused,omitempty"`
	Waiting []string `json:"waiting,omitempty"`
	// OtherKeys says that it is served the same policy, with other keys.
	OtherKeys bool `json:"otherKeys,omitempty"`
}

// Reason is an error, by its code and its place.
type Reason struct {
	Code     diag.Code `json:"code"`
	Position string    `json:"position"`
}

func eventOfPublished(p reload.GenerationPublished) audit.Event {
	details := PublishedDetails{
		Latest: nameOfGeneration(p.Latest), Cause: p.Cause, Changed: p.Changed, Part: p.Part, Parts: p.Parts,
		Served: p.Counts.Served, Refused: p.Counts.Refused, Waiting: p.Counts.Waiting, Failed: p.Counts.Failed,
	}
	e := audit.Event{Type: audit.GenerationPublished, Time: p.At, Outcome: outcomeOf(p.Groups), Message: messageOf(p)}
	if p.Latest != nil {
		e.Subject = p.Latest.Hash
	}
	for _, g := range p.Groups {
		details.Groups = append(details.Groups, groupDetails(g))
		e.Namespaces = append(e.Namespaces, g.Namespace)
	}
	slices.Sort(e.Namespaces)
	e.Namespaces, e.More.Namespaces = slices.Compact(e.Namespaces), p.Changed-len(p.Groups)
	for tooLong(details) {
		details.Groups = details.Groups[:len(details.Groups)/2]
	}
	e.Details = details
	return e
}

func groupDetails(g reload.GroupStanding) GroupDetails {
	out := GroupDetails{Group: cut(g.Key), Namespace: cut(g.Namespace), Standing: g.Standing, Serving: nameOfGeneration(g.Serving), Waiting: few(g.Waiting), OtherKeys: g.Rekeyed}
	for _, d := range g.Refused {
		out.Refused = append(out.Refused, Reason{d.Code, cut(d.Pos.String())})
	}
	return out
}

func nameOfGeneration(r *reload.Reading) *GenerationName {
	if r == nil {
		return nil
	}
	return &GenerationName{r.Seq, r.Hash}
}

// outcomeOf returns the worst that is told of a group.
func outcomeOf(groups []reload.GroupStanding) audit.Outcome {
	has := func(s reload.Standing) bool {
		return slices.ContainsFunc(groups, func(g reload.GroupStanding) bool { return g.Standing == s })
	}
	switch {
	case has(reload.Failed):
		return audit.Failure
	case has(reload.Refused):
		return audit.Refused
	case has(reload.Waiting):
		return audit.Waiting
	case has(reload.Served):
		return audit.Served
	default:
		return audit.Success
	}
}

func messageOf(p reload.GenerationPublished) string {
	why := map[reload.Cause]string{
		reload.CauseGeneration: "a generation was published", reload.CauseKeys: "keys changed", reload.CauseJoined: "a group of gateways has come",
		reload.CauseLeft: "a group of gateways has gone", reload.CauseState: "what the state directory kept was taken up",
	}[p.Cause]
	return fmt.Sprintf("%s: %d groups are served, %d refused, %d wait, %d failed", why, p.Counts.Served, p.Counts.Refused, p.Counts.Waiting, p.Counts.Failed)
}
