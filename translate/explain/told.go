package explain

import (
	"fmt"
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	"google.golang.org/protobuf/proto"

	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// NewTold makes ready what a gateway is served together with told, the same policy rule by rule (Program.Unoptimized).
// What is served is a form in which one rule may stand for several that match: told has all reasons. Answers are
// those of both, and where the two differ in more than which of these rules is named, Answer.Disagreement says so.
func NewTold(served, told envoy.Resources) (*Gateway, error) {
	out, err := New(told)
	if err != nil || sameForm(served, told) {
		return out, err
	}
	out.served, err = New(served)
	return out, err
}

// sameForm reports whether nothing is rewritten.
func sameForm(a, b envoy.Resources) bool {
	return slices.EqualFunc(a.ExtensionConfigs, b.ExtensionConfigs, func(a, b *corev3.TypedExtensionConfig) bool { return proto.Equal(a, b) }) &&
		slices.EqualFunc(a.Listeners, b.Listeners, func(a, b *listenerv3.Listener) bool { return proto.Equal(a, b) })
}

// holdAgainst compares an answer with that of what is served, and takes the name of the rule from it that a
// gateway's log will have.
func (a *Answer) holdAgainst(served Answer) {
	if a.Disagreement = a.differs(&served); a.Disagreement != "" {
		return
	}
	for i := range a.Ends {
		a.Ends[i].Details = loggedAs(a.Ends[i], served.Ends)
	}
	if a.Details != "" {
		a.Details = commonDetails(a.Ends)
	}
}

// loggedAs returns the details of an end by what is served: those of an equal end, if there is one.
func loggedAs(end End, served []End) string {
	equal := func(o End) bool { return sameEnd(end, o) }
	switch i := slices.IndexFunc(served, equal); {
	case i < 0:
		return end.Details
	case len(served) == 1:
		return served[i].Details
	case slices.ContainsFunc(served, func(o End) bool { return equal(o) && o.Details == end.Details }):
		return end.Details
	default:
		return "" // one of several rules, and it is not known which
	}
}

func commonDetails(ends []End) string {
	out := ends[0].Details
	for _, e := range ends[1:] {
		if e.Details != out {
			return ""
		}
	}
	return out
}

// differs says in what two answers differ that have to be the same; nothing where they do not. An answer that depends
// on more than the other differs where no end of it is the other's.
func (a *Answer) differs(served *Answer) string {
	switch {
	case len(a.Ends) == 1 && len(served.Ends) == 1:
		return a.differsInTheEnd(served)
	case slices.ContainsFunc(a.Ends, func(e End) bool { return anyEnd(e, served.Ends) }):
		return ""
	default:
		return fmt.Sprintf("no end of the one is an end of the other: %s, served %s", endsText(a.Ends), endsText(served.Ends))
	}
}

func (a *Answer) differsInTheEnd(served *Answer) string {
	told, end := a.Ends[0], served.Ends[0]
	switch {
	case !sameEnd(told, end):
		return fmt.Sprintf("rule by rule %s, served %s", endsText(a.Ends), endsText(served.Ends))
	case !a.sameRule(told, end):
		return fmt.Sprintf("rule by rule %s, served %s, which does not match", told.Details, end.Details)
	case !a.Destination.same(served.Destination):
		return fmt.Sprintf("rule by rule it goes to %+v, served %+v", a.Destination, served.Destination)
	default:
		return ""
	}
}

func anyEnd(e End, among []End) bool {
	return slices.ContainsFunc(among, func(o End) bool { return sameEnd(e, o) })
}

// sameEnd reports whether two ends are the same to a client. Which rule is named is told by the details alone.
func sameEnd(a, b End) bool {
	return a.Verdict == b.Verdict && a.Status == b.Status && a.Body == b.Body && a.Flags == b.Flags &&
		slices.Equal(a.Headers, b.Headers) && (a.Details == b.Details || rulesDetails(a.Details) && rulesDetails(b.Details))
}

// deniedBy begins the details of a refusal by a rule.
const deniedBy = "rbac_access_denied_matched_policy["

func rulesDetails(details string) bool { return details == "" || strings.HasPrefix(details, deniedBy) }

// sameRule reports whether the rule that is named where the policy is served is one of those that match rule by rule.
func (a *Answer) sameRule(told, served End) bool {
	if told.Details == served.Details || !strings.HasPrefix(told.Details, deniedBy) {
		return true
	}
	return slices.ContainsFunc(a.Reasons, func(r Reason) bool {
		return r.Kind == traffic.Denies && r.Matched.Holds() && deniedBy+r.Rule+"]" == served.Details
	})
}

// same reports whether two destinations are one, and the backend sees the same there.
func (d *Destination) same(o *Destination) bool {
	if d == nil || o == nil {
		return d == o
	}
	return d.Listener == o.Listener && d.Chain == o.Chain && d.VirtualHost == o.VirtualHost && d.Route == o.Route &&
		d.Authority == o.Authority && d.Path == o.Path && slices.Equal(d.Clusters, o.Clusters) && slices.Equal(d.Headers, o.Headers)
}

func endsText(ends []End) string {
	var out []string
	for _, e := range ends {
		text := string(e.Verdict)
		if e.Status != 0 {
			text += fmt.Sprintf(" %d %s", e.Status, e.Details)
		}
		out = append(out, text)
	}
	return strings.Join(out, " or ")
}
