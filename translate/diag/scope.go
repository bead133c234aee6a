package diag

// Scope is the set of gateways that a finding can reach. The zero value is every
// gateway: a scope that nobody could work out fails closed.
type Scope struct {
	targets []Target
}

// Target is one part of a scope. Exactly one of its two forms is set.
type Target struct {
	// Namespace and Labels reach the workloads of that namespace (empty: of every
	// namespace) that carry all the labels (empty: every workload).
	Namespace string
	Labels    map[string]string
	// Gateway, "namespace/name", reaches the workloads that this Gateway resource selects.
	Gateway string
}

// Limited returns a scope of just the given targets. Without targets it reaches nobody.
func Limited(targets ...Target) Scope {
	if targets == nil {
		targets = []Target{}
	}
	return Scope{targets: targets}
}

// Everyone reports whether the scope reaches every gateway.
func (s Scope) Everyone() bool { return s.targets == nil }

// Nobody reports whether the scope reaches no gateway.
func (s Scope) Nobody() bool { return s.targets != nil && len(s.targets) == 0 }

// Targets returns the parts of a limited scope; the caller must not change them.
func (s Scope) Targets() []Target { return s.targets }

// Union returns the scope that reaches whatever either scope reaches.
func (s Scope) Union(o Scope) Scope {
	if s.Everyone() || o.Everyone() {
		return Scope{}
	}
	return Limited(append(append([]Target{}, s.targets...), o.targets...)...)
}
