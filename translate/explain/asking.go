package explain

import (
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// asking is one request while it is asked about: all ways that its connection may take.
type asking struct {
	gateway  *Gateway
	request  *Request
	listener *listener
	walks    []*walk
	// ends of connections that no chain takes.
	ends []end
	// notHeard is why no listener takes the connection.
	notHeard string
}

// end is a way in which a request may end; see End.
type end struct {
	when    traffic.Condition
	verdict Verdict
	reply   traffic.Reply
	// reason is the index of a finding of the walk, or -1.
	reason int
}

const noReason = -1

// run takes the connection to its listener and chain, and the request through those.
func (a *asking) run() {
	a.listener = a.gateway.listenerOf(a.request)
	if a.listener == nil {
		a.ends = append(a.ends, end{when: traffic.Known(true), verdict: Closed, reason: noReason})
		a.notHeard = a.gateway.silence(a.request)
		return
	}
	ways := a.listener.ways(a.request)
	if len(ways) == 0 {
		a.ends = append(a.ends, end{when: traffic.DependsOn("server name"), verdict: Depends, reason: noReason})
	}
	for _, way := range ways {
		if way.chain == nil {
			reply := traffic.Reply{Details: "filter_chain_not_found", Flags: "NR"}
			a.ends = append(a.ends, end{when: way.when, verdict: Closed, reply: reply, reason: noReason})
			continue
		}
		w := newWalk(a, way)
		w.run()
		a.walks = append(a.walks, w)
	}
}
