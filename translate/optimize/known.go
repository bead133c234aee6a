package optimize

import (
	"hash/fnv"
	"iter"
	"maps"
	"slices"
	"sync"

	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
)

// Known remembers what was made of the rules of policies, by their messages, which are immutable: a rule that an
// edit does not touch is the same message in the next program. It changes how long Policy takes and never what
// it returns. Its zero value knows nothing. It is safe for concurrent use.
type Known struct {
	mu sync.Mutex
	// turn is how many there were before it.
	turn  uint64
	store *store
	folds foldMemory
}

// Next returns a value for what is rendered after this: it knows what this one came across, and forgets what it
// does not come across itself when it is followed. What follows nil knows nothing.
func (k *Known) Next() *Known {
	if k == nil {
		return &Known{}
	}
	s := k.kept()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(k.turn + 1)
	out := &Known{turn: k.turn + 1, store: s}
	out.folds.follow(&k.folds)
	return out
}

// Len returns how many rules are remembered.
func (k *Known) Len() int {
	s := k.kept()
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.made)
}

func (k *Known) kept() *store {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.store == nil {
		k.store = &store{}
	}
	return k.store
}

// store is what is remembered, shared by what follows each other.
type store struct {
	mu sync.Mutex
	// by is what it was made by: with other rules switched on nothing of it is good.
	by []string
	// indexes are those that found anything, and those that are always there before them.
	indexes []*index
	// positions are those of indexes, by their names.
	positions map[string]int
	made      map[*rbacv3.Policy]*made
	literals  map[literalKey]*literal
	// fixed is how many of the indexes are always there.
	fixed int
	// run counts calls of Policy; turn and used how many rules were used in the last turn.
	run, turn uint64
	used      int
	tokens    knownTokens
}

type literalKey struct {
	index int
	key   string
}

// made is what was made of a rule.
type made struct {
	rule   string
	action rbacv3.RBAC_Action
	// whole says that the atoms are the whole rule: all of it can be found.
	whole bool
	// places are those of its atoms that can be found in one way.
	places []*place
	// several are the atoms that can be found in several ways.
	several []atom
	atoms   int
	// asksPath says that a leaf does.
	asksPath bool
	turn     uint64
}

// all yields every place in which a rule may be found.
func (m *made) all() iter.Seq[*place] {
	return func(yield func(*place) bool) {
		for _, p := range m.places {
			if !yield(p) {
				return
			}
		}
		for _, a := range m.several {
			for _, w := range a.ways {
				for _, p := range w.places {
					if !yield(p) {
						return
					}
				}
			}
		}
	}
}

// forget forgets what was last used before the turn, once that is a quarter of what was used in it.
func (s *store) forget(turn uint64) {
	if s.turn != turn || len(s.made) <= s.used+s.used/4 {
		return // where nothing was rendered, as where a program is refused, what was known is
	}
	maps.DeleteFunc(s.made, func(_ *rbacv3.Policy, m *made) bool { return m.turn < turn })
	s.literals = map[literalKey]*literal{}
	for _, m := range s.made {
		for p := range m.all() {
			s.literals[literalKey{p.index, p.key}] = p.literal
		}
	}
	if len(s.indexes) > s.fixed+maxKnownParts {
		s.made = nil // all of it is forgotten, since literals know indexes by their positions
	}
}

// use notes that something made is used in a turn.
func (s *store) use(m *made, turn uint64) {
	if s.turn < turn {
		s.turn, s.used = turn, 0
	}
	if m.turn < turn {
		m.turn = turn
		s.used++
	}
}

// of returns what is made of a rule.
func (m *maker) of(turn uint64, rule string, p *rbacv3.Policy) *made {
	if known := m.store.made[p]; known != nil && known.rule == rule && known.action == m.action {
		m.store.use(known, turn)
		return known
	}
	out := &made{rule: rule, action: m.action}
	var atoms []atom
	atoms, out.whole = m.atoms(rule, p)
	out.atoms = len(atoms)
	for _, a := range atoms {
		if len(a.ways) == 1 {
			out.places = append(out.places, a.ways[0].places...)
		} else {
			out.several = append(out.several, a)
		}
	}
	for p := range out.all() {
		out.asksPath = out.asksPath || p.asksPath
	}
	m.store.made[p] = out
	m.store.use(out, turn)
	return out
}

// literal returns the one literal of a key.
func (s *store) literal(k key) *literal {
	at := literalKey{s.position(k.by), k.text}
	if known := s.literals[at]; known != nil {
		return known
	}
	h := fnv.New64a()
	h.Write([]byte(k.text))
	out := &literal{key: k.text, hash: spread(h.Sum64())}
	s.literals[at] = out
	return out
}

// position returns the place of an index in the store.
func (s *store) position(x *index) int {
	i, ok := s.positions[x.name]
	if !ok {
		i, s.indexes = len(s.indexes), append(s.indexes, x)
		s.positions[x.name] = i
	}
	return i
}

// spread has all bits of a hash decide the upper ones.
func spread(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	return h ^ h>>33
}

// ready empties the store where it was filled by other rules, and returns the indexes of these.
func (s *store) ready(by []string) []*index {
	if s.made == nil || !slices.Equal(s.by, by) {
		s.by, s.made, s.literals = by, map[*rbacv3.Policy]*made{}, map[literalKey]*literal{}
		s.indexes = enabled(by)
		s.fixed = len(s.indexes)
		s.positions = map[string]int{}
		for i, x := range s.indexes {
			s.positions[x.name] = i
		}
	}
	return s.indexes[:s.fixed]
}
