package optimize

import (
	"strings"
)

// anyPort stands behind a host: with a port, and without.
const anyPort = "(?::" + rest + ")?"

// hosts finds atoms by how the host ends, and by any other host where hostMaps are switched off.
//
//	host ends with ".b.example" in any case and …  ─▶  guards over the host
//
// The guard of a host also matches it with a port, which rules that deny see too: so both are found by one. Each atom asks
// for the host itself, as written.
//
// Of several rules that match Envoy reports the first by host among those that are guarded together.
func hosts() *index {
	g := guardOf(extension(hostInput()))
	return &index{
		name: "hosts", weight: guardWeight, bucket: guarded, encode: g.encode, cover: g.cover, covered: covered, section: listTree,
		find: func(c condition) (key, bool) {
			if c.cases != anyCase {
				return key{}, false
			}
			return hostKey(c)
		},
	}
}

// hostKey is the key of a guard of the host that a condition asks for.
func hostKey(c condition) (key, bool) {
	m := ofHost(c.permission)
	if m == nil {
		return key{}, false
	}
	e, ok := expressionOf(m)
	return key{text: e.withPort().key(), rest: []condition{{permission: c.permission}}}, ok
}

// withPort returns an expression that matches what a host does, and more of what has a port behind it.
func (e expression) withPort() expression {
	if e.begin == ".*" {
		e.begin = rest
	}
	if host, port := strings.CutSuffix(e.middle, ":"); port && e.end != "" {
		e.middle, e.end = host, ""
	}
	if e.end == "" {
		e.end = anyPort
	}
	return e
}
