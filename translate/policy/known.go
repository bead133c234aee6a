package policy

import (
	"maps"
	"slices"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/portreeve/portreeve/translate/resource"
)

// Known remembers what was made of the rules of policies, so that an edit costs what it touches. A
// policy is recognised by its Spec, which is immutable and of one object in one place: the rules of a
// policy that an edit does not touch are the same messages as before, and a filter whose policies are
// all the same has the same Config and the same Trace. It changes how long Of takes and never what
// it returns. Its zero value knows nothing. It is safe for concurrent use.
type Known struct {
	mu sync.Mutex
	// now was made, or found in before, by this value; before by the one that it follows.
	now, before []*ruleSet
}

// Next returns a value for what is made after this: it knows what this one came across, and forgets
// what it does not come across itself when it is followed. So it holds what was made for two programs
// at most. What follows nil knows nothing.
func (k *Known) Next() *Known {
	if k == nil {
		return &Known{}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.now) == 0 { // nothing was made, as where a program is refused: what was known is
		return &Known{before: k.before}
	}
	return &Known{before: slices.Clip(k.now)}
}

// ruleSet returns the rules that are made of policies. A nil Known remembers nothing.
func (k *Known) ruleSet(of setOf, policies []*resource.Resource) *ruleSet {
	if k == nil {
		return of.without(policies)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if set := like(k.now, of, policies); set != nil && set.isOf(policies) {
		return set
	}
	out := like(k.before, of, policies)
	switch {
	case out == nil:
		out = of.without(policies)
	case !out.isOf(policies):
		out = out.with(policies)
	}
	k.now = append(k.now, out)
	return out
}

// like returns the set, of those that are made in the same way, that has most in common with one of policies.
func like(sets []*ruleSet, of setOf, policies []*resource.Resource) *ruleSet {
	var out *ruleSet
	most := -1
	for _, s := range sets {
		if s.of != of {
			continue
		}
		if first, last := s.common(policies); first+last > most {
			out, most = s, first+last
		}
	}
	return out
}

// isOf reports whether a set was made of these policies.
func (s *ruleSet) isOf(policies []*resource.Resource) bool {
	first, _ := s.common(policies)
	return first == len(policies) && first == len(s.specs)
}

// common returns how many policies at the beginning and at the end are those that the set was made of.
func (s *ruleSet) common(policies []*resource.Resource) (first, last int) {
	most := min(len(s.specs), len(policies))
	for first < most && s.specs[first] == policies[first].Spec {
		first++
	}
	for last < most-first && s.specs[len(s.specs)-1-last] == policies[len(policies)-1-last].Spec {
		last++
	}
	return first, last
}

// with returns the set of other policies, and takes from this one what it knows of them.
func (s *ruleSet) with(policies []*resource.Resource) *ruleSet {
	first, last := s.common(policies)
	known := map[proto.Message]*made{}
	for i := first; i < len(s.made)-last; i++ {
		known[s.specs[i]] = s.made[i]
	}
	var come []*made
	out := &ruleSet{of: s.of, specs: specsOf(policies), made: make([]*made, 0, len(policies))}
	out.made = append(out.made, s.made[:first]...)
	for _, p := range policies[first : len(policies)-last] {
		m := known[p.Spec]
		if delete(known, p.Spec); m == nil {
			m = s.of.make(p)
			come = append(come, m)
		}
		out.made = append(out.made, m)
	}
	out.made = append(out.made, s.made[len(s.made)-last:]...)
	if !out.edited(s, slices.Collect(maps.Values(known)), come) {
		out.assemble()
	}
	return out
}

// edited makes the rules of a set from those of another, of which some policies are gone while others have come. It
// reports false where that is more than making them anew, or where a name stands for two rules.
func (s *ruleSet) edited(from *ruleSet, gone, come []*made) bool {
	if from.ambiguous || 4*(len(gone)+len(come)) > len(s.made) {
		return false
	}
	s.rules, s.count = from.rules, from.count
	for kind := range s.rules {
		s.rules[kind] = maps.Clone(from.rules[kind])
	}
	for _, m := range gone {
		s.count[m.kind]--
		for _, r := range m.rules {
			delete(s.rules[m.kind], r.name)
		}
	}
	for _, m := range come {
		if s.add(m); s.ambiguous {
			return false
		}
	}
	s.pack()
	return true
}

func specsOf(policies []*resource.Resource) []proto.Message {
	out := make([]proto.Message, 0, len(policies))
	for _, p := range policies {
		out = append(out, p.Spec)
	}
	return out
}
