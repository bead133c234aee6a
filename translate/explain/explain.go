// Package explain says what becomes of a request at a gateway, and why, from the configuration that the
// gateway is sent: listener and chain, filters in their order, route, destination. It answers as Envoy 1.40
// does and knows nothing of the policies that the configuration comes from but where they are written.
//
//	resources of a gateway ─ New ─▶ Gateway ─ Ask(request) ─▶ Answer
//
// It is pure, and it never stops at the first reason: every rule that matches is named, and of a rule that
// does not its first condition that fails.
package explain

import (
	"slices"

	"github.com/portreeve/portreeve/translate/envoy"
)

// Gateway is the configuration of one gateway, made ready to be asked. It is immutable and safe for
// concurrent use.
type Gateway struct {
	// served is set where the gateway is served another form of what is asked here; see NewTold.
	served    *Gateway
	listeners []*listener
	backends  backends
	origins   origins
	// providers are the names of the authorizers that are asked, in order.
	providers []string
}

// New makes ready what a gateway is served, in any of its shapes (Program.For, Static, Istio). An error
// says that something in it is not understood: a fault of this program, never of whoever wrote the policy.
func New(r envoy.Resources) (*Gateway, error) {
	b := newBuilder(r)
	out := &Gateway{origins: newOrigins(r.Trace), backends: b.backends}
	for _, l := range r.Listeners {
		ready, err := b.listener(l)
		if err != nil {
			return nil, err
		}
		out.listeners = append(out.listeners, ready)
	}
	slices.Sort(b.providers)
	out.providers = slices.Compact(b.providers)
	return out, nil
}

// Ask says what becomes of a request. It fails closed: a part that cannot be decided makes the answer
// depend on it.
func (g *Gateway) Ask(r Request) Answer {
	a := asking{gateway: g, request: &r}
	a.run()
	out := a.answer()
	if g.served != nil {
		out.holdAgainst(g.served.Ask(r))
	}
	return out
}
