package explain

import (
	"net/netip"
	"slices"
)

// answer puts together what was found on all ways.
func (a *asking) answer() Answer {
	out := Answer{Decisive: noReason, NotHeard: a.notHeard}
	out.Reasons = make([]Reason, 0, a.findings())
	var facts []string
	for _, w := range a.walks {
		offset := len(out.Reasons)
		for _, f := range w.stream.Findings {
			rule, clause := a.gateway.origins.of(f)
			out.Reasons = append(out.Reasons, Reason{Finding: f, If: f.Matched.String(), At: rule, ClauseAt: clause})
		}
		for _, p := range w.places {
			out.Reasons[offset+p.finding].At = a.gateway.origins.route(w.chain.manager.named, p.host, p.route)
		}
		for _, e := range w.ends {
			e.when = w.when.And(e.when)
			facts = append(facts, e.when.Facts()...)
			out.Ends = append(out.Ends, e.end(offset))
		}
		out.Destination = w.destination
		for _, n := range w.stream.NotLookedAt {
			if !slices.Contains(out.NotLookedAt, n) {
				out.NotLookedAt = append(out.NotLookedAt, n)
			}
		}
		out.Client = &Addresses{Direct: addressText(w.stream.Direct), Remote: addressText(w.stream.Remote)}
	}
	for _, e := range a.ends {
		facts = append(facts, e.when.Facts()...)
		out.Ends = append(out.Ends, e.end(0))
	}
	if len(a.walks)+len(a.ends) > 1 {
		out.Destination = nil
	}
	out.NotLookedAt = append(out.NotLookedAt, a.gateway.askedByNobody(a.request.Assume)...)
	out.conclude()
	if out.Verdict == Depends {
		slices.Sort(facts)
		out.DependsOn = slices.Compact(facts)
	}
	return out
}

func (a *asking) findings() int {
	out := 0
	for _, w := range a.walks {
		out += len(w.stream.Findings)
	}
	return out
}

func addressText(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return a.Addr().String()
}

func (e end) end(offset int) End {
	out := End{Verdict: e.verdict, Reply: e.reply, Reason: noReason}
	if e.when.Open() {
		out.If = e.when.String()
	}
	if e.reason != noReason {
		out.Reason = e.reason + offset
	}
	return out
}

// conclude says of the whole what all ends have in common.
func (a *Answer) conclude() {
	first := a.Ends[0]
	a.Verdict, a.Reply, a.Decisive = first.Verdict, first.Reply, first.Reason
	for _, e := range a.Ends[1:] {
		if e.Verdict != a.Verdict {
			a.Verdict = Depends
		}
		if e.Reason != a.Decisive {
			a.Decisive = noReason
		}
		a.Reply = common(a.Reply, e.Reply)
	}
}
