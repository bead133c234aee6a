package optimize

import "sync"

// memory remembers what was made of values, which are immutable and known by their identity. Its zero value
// knows nothing; it is safe for concurrent use.
type memory[K comparable, V any] struct {
	mu sync.Mutex
	// now was made or come across by this memory, before by the one that it follows. Both are bounded by what
	// two programs have.
	now, before map[K]V
	// followed says that another memory has now, which must not change any more.
	followed bool
}

// of returns what is made of a key.
func (m *memory[K, V]) of(key K, made func() V) V {
	m.mu.Lock()
	defer m.mu.Unlock()
	if v, ok := m.now[key]; ok {
		return v
	}
	v, ok := m.before[key]
	if !ok {
		v = made()
	}
	if m.followed {
		return v
	}
	if m.now == nil {
		m.now = make(map[K]V, len(m.before))
	}
	m.now[key] = v
	return v
}

// follow has m know what o came across, or where that is nothing what o knew. o remembers nothing more.
func (m *memory[K, V]) follow(o *memory[K, V]) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.followed = true
	if m.before = o.now; len(o.now) == 0 {
		m.before = o.before
	}
}
