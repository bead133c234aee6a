package token

import "github.com/portreeve/portreeve/translate/explain/traffic"

// world is what may be the case: facts that the request does not say are taken to hold or not, so that
// in it Envoy's way through the filter is known. A request that says all has one.
type world struct {
	filter *Filter
	stream *traffic.Stream
	// assumed are the facts that were asked for, in order.
	assumed []assumption
	// headers are those of the request as they become in it.
	headers     traffic.Headers
	ownsHeaders bool
	// gone are places from which what the request does not say was taken out as well.
	gone      map[string]bool
	extracted map[string]any
	cleared   bool
	memory    *memory
	// spared says why no token is looked for, where none is.
	spared string
	// findings are those of the providers that Envoy got to, by their keys.
	findings map[string]traffic.Finding
	outcome  status
}

type assumption struct {
	fact  string
	holds bool
}

// ask reports whether a fact holds in this world. One that nothing was assumed of is taken to hold;
// the world in which it does not comes later.
func (w *world) ask(fact string) bool {
	for _, a := range w.assumed {
		if a.fact == fact {
			return a.holds
		}
	}
	w.assumed = append(w.assumed, assumption{fact, true})
	return true
}

// maxWorlds bounds how many worlds are looked at. Behind it nothing is said to be known.
const maxWorlds = 256

// worlds returns all that may be the case. It is false where those are too many.
func (f *Filter) worlds(s *traffic.Stream) ([]*world, bool) {
	memory := &memory{stream: s}
	var out []*world
	for assumed, more := []assumption(nil), true; more; assumed, more = nextWorld(out[len(out)-1].assumed) {
		if len(out) == maxWorlds {
			return out, false
		}
		w := f.world(memory, assumed)
		w.outcome = f.run(w)
		out = append(out, w)
	}
	return out, true
}

func (f *Filter) world(m *memory, assumed []assumption) *world {
	return &world{filter: f, stream: m.stream, assumed: assumed, headers: m.stream.Headers, memory: m, gone: map[string]bool{}, findings: map[string]traffic.Finding{}}
}

// nextWorld takes the last fact that was taken to hold for one that does not.
func nextWorld(assumed []assumption) ([]assumption, bool) {
	for i := len(assumed) - 1; i >= 0; i-- {
		if assumed[i].holds {
			out := append([]assumption(nil), assumed[:i]...)
			return append(out, assumption{assumed[i].fact, false}), true
		}
	}
	return nil, false
}

// when returns when one of the worlds is the case that are chosen. The worlds are those of nextWorld,
// in its order; all agree on the first facts, as many as depth says.
func when(worlds []*world, depth int, chosen func(*world) bool) traffic.Condition {
	if len(worlds) == 1 {
		return traffic.Known(chosen(worlds[0]))
	}
	split := 0
	for worlds[split].assumed[depth].holds {
		split++
	}
	fact := traffic.DependsOn(worlds[0].assumed[depth].fact)
	then, otherwise := when(worlds[:split], depth+1, chosen), when(worlds[split:], depth+1, chosen)
	switch {
	case then.String() == otherwise.String():
		return then
	case then.Holds():
		return fact.Or(otherwise)
	case otherwise.Holds():
		return fact.Not().Or(then)
	default:
		return fact.And(then).Or(fact.Not().And(otherwise))
	}
}
