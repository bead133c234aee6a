package route

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
)

// domains finds the virtual host of an authority: by the whole of it, by the longest end, by the longest
// beginning, and else the one that takes all.
type domains struct {
	ignorePort bool
	exact      map[string]*host
	// suffixes and prefixes are without their asterisk, the longest first.
	suffixes, prefixes []wildcards
	fallback           *host
}

// wildcards are domains of one length.
type wildcards struct {
	length int
	hosts  map[string]*host
}

func newDomains(config *routev3.RouteConfiguration, hosts []*host) domains {
	out := domains{ignorePort: config.GetIgnorePortInHostMatching(), exact: map[string]*host{}}
	suffixes, prefixes := map[int]map[string]*host{}, map[int]map[string]*host{}
	for _, h := range hosts {
		for _, d := range h.message.GetDomains() {
			d = lower(d)
			switch {
			case d == "*":
				out.fallback = h
			case strings.HasPrefix(d, "*"):
				addWildcard(suffixes, d[1:], h)
			case strings.HasSuffix(d, "*"):
				addWildcard(prefixes, d[:len(d)-1], h)
			default:
				out.exact[d] = h
			}
		}
	}
	out.suffixes, out.prefixes = longestFirst(suffixes), longestFirst(prefixes)
	return out
}

func addWildcard(to map[int]map[string]*host, d string, h *host) {
	if to[len(d)] == nil {
		to[len(d)] = map[string]*host{}
	}
	to[len(d)][d] = h
}

func longestFirst(by map[int]map[string]*host) []wildcards {
	var out []wildcards
	for _, n := range slices.SortedFunc(maps.Keys(by), func(a, b int) int { return cmp.Compare(b, a) }) {
		out = append(out, wildcards{n, by[n]})
	}
	return out
}

// onlyDefault reports whether all authorities lead to one virtual host, also none at all.
func (d domains) onlyDefault() bool {
	return len(d.exact) == 0 && len(d.suffixes) == 0 && len(d.prefixes) == 0
}

// find returns the virtual host of an authority, or nil.
func (d domains) find(authority string, present bool) *host {
	switch {
	case d.onlyDefault():
		return d.fallback
	case !present:
		return nil
	case d.ignorePort:
		authority = withoutPort(authority)
	}
	authority = lower(authority)
	if h := d.exact[authority]; h != nil {
		return h
	}
	for _, w := range d.suffixes {
		// An asterisk stands for one character at least.
		if w.length < len(authority) {
			if h := w.hosts[authority[len(authority)-w.length:]]; h != nil {
				return h
			}
		}
	}
	for _, w := range d.prefixes {
		if w.length < len(authority) {
			if h := w.hosts[authority[:w.length]]; h != nil {
				return h
			}
		}
	}
	return d.fallback
}

// withoutPort cuts off what stands behind the last colon, a port or not, but for a colon within brackets.
func withoutPort(authority string) string {
	if colon := strings.LastIndexByte(authority, ':'); colon > strings.LastIndexByte(authority, ']') {
		return authority[:colon]
	}
	return authority
}

// lower puts ASCII letters into lower case, and no others.
func lower(s string) string {
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			return lowered(s)
		}
	}
	return s
}

func lowered(s string) string {
	out := []byte(s)
	for i, c := range out {
		if 'A' <= c && c <= 'Z' {
			out[i] = c + 'a' - 'A'
		}
	}
	return string(out)
}
