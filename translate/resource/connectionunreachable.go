package resource

import (
	"slices"

	"google.golang.org/protobuf/proto"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
)

// unreachableConnections warns of tcp and tls routes that an earlier one leaves nothing for.
// It sees the plain cases: a tcp route without a match, and the same match twice.
func (c virtualServiceChecker) unreachableConnections(spec *networkingv1alpha3.VirtualService) {
	var tcp, tls [][]proto.Message
	for _, r := range spec.GetTcp() {
		matches := messages(r.GetMatch())
		if len(matches) == 0 {
			matches = []proto.Message{nil} // takes every connection
		}
		tcp = append(tcp, matches)
	}
	for _, r := range spec.GetTls() {
		tls = append(tls, messages(r.GetMatch())) // without a match it is an error
	}
	c.unreachableMatches(Path{"spec", "tcp"}, tcp)
	c.unreachableMatches(Path{"spec", "tls"}, tls)
}

func messages[M proto.Message](from []M) []proto.Message {
	out := make([]proto.Message, 0, len(from))
	for _, m := range from {
		out = append(out, m)
	}
	return out
}

func (c virtualServiceChecker) unreachableMatches(path Path, routes [][]proto.Message) {
	type earlierMatch struct {
		at    Path
		match proto.Message
	}
	var before []earlierMatch
	for i, matches := range routes {
		for j, m := range matches {
			at := path.Field(i)
			if m != nil {
				at = at.Field("match", j)
			}
			if k := slices.IndexFunc(before, func(e earlierMatch) bool { return e.match == nil || m != nil && proto.Equal(e.match, m) }); k >= 0 {
				c.add(diag.CodeRouteUnreachable, at, "no connection gets to %s: %s takes them all", at, before[k].at).WithHint("put it before the other, or take it out")
			}
			if len(before) < maxCompared {
				before = append(before, earlierMatch{at, m})
			}
		}
	}
}
