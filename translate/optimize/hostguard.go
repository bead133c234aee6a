package optimize

import (
	"strings"

	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
)

// anyPort stands behind a host: with a port, and without.
const anyPort = "(?::" + rest + ")?"

// hosts finds atoms by the host that they ask for.
//
//	host is "a.example" in any case and …, host ends with ".b.example" and …  ─▶  guards over the host
//
// No map takes a host in any case, so it is guarded. The guard of a host also matches it with a port, which rules that
// deny see too: so both are found by one. Each atom asks for the host itself, as written.
//
// Of several rules that match Envoy reports the first by host among those that are guarded together.
func hosts() *index {
	input := extension(&matcherv3.HttpRequestHeaderMatchInput{HeaderName: ":authority"})
	return &index{
		name: "hosts", weight: guardWeight, bucket: guardedBucket, encode: guard{input}.encode, section: listTree,
		find: func(c condition) (key, bool) {
			h := c.permission.GetHeader()
			if _, ok := header(h); !ok || h.GetName() != ":authority" {
				return key{}, false
			}
			e, ok := expressionOf(h.GetStringMatch())
			return key{text: e.withPort().key(), rest: []condition{c}}, ok
		},
	}
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
