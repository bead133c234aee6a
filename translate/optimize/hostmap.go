package optimize

import (
	"strings"

	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
)

// cases says of which hosts a condition speaks, beyond what it asks itself.
type cases int

const (
	anyCase cases = iota
	// smallCase are hosts without a capital, as nearly all requests have them; capitals are the others.
	smallCase
	capitals
)

// hostMaps finds atoms by a host that they ask for to the letter, in requests that write it in small letters.
//
//	host is "a.Example" in any case and …  ─▶  map over the host: "a.example" → …, and for hosts with a capital: guards
//
// A host without a capital is equal to a value in any case where it is the value in small letters, to the letter. All
// other hosts have a capital, and are guarded. So one of the two finds each host that the condition holds for.
//
// Of rules for one host Envoy reports the first by name; of others that match too, the one by this host.
func hostMaps() *index {
	return &index{
		name: "host-maps", weight: 1, bucket: 64, encode: mapEntries,
		find: func(c condition) (key, bool) {
			if c.cases != smallCase {
				return key{}, false
			}
			value := hostText(c.permission).GetExact()
			return key{text: strings.ToLower(value)}, value != ""
		},
		section: func(content []byte) *xdsmatcherv3.Matcher {
			return hostLookup(&xdsmatcherv3.Matcher_MatcherTree{TreeType: &xdsmatcherv3.Matcher_MatcherTree_ExactMatchMap{ExactMatchMap: matchMap(content)}})
		},
	}
}

// hostBeginnings finds atoms by how a host begins, as hostMaps does by all of it. A host with any port is a beginning.
func hostBeginnings() *index {
	return &index{
		name: "host-beginnings", weight: 1, bucket: 64, encode: mapEntries,
		find: func(c condition) (key, bool) {
			if c.cases != smallCase {
				return key{}, false
			}
			value := hostText(c.permission).GetPrefix()
			return key{text: strings.ToLower(value)}, value != ""
		},
		section: func(content []byte) *xdsmatcherv3.Matcher {
			return hostLookup(&xdsmatcherv3.Matcher_MatcherTree{TreeType: &xdsmatcherv3.Matcher_MatcherTree_PrefixMatchMap{PrefixMatchMap: matchMap(content)}})
		},
	}
}

func hostLookup(in *xdsmatcherv3.Matcher_MatcherTree) *xdsmatcherv3.Matcher {
	in.Input = extension(hostInput())
	return &xdsmatcherv3.Matcher{MatcherType: &xdsmatcherv3.Matcher_MatcherTree_{MatcherTree: in}}
}

func hostInput() *matcherv3.HttpRequestHeaderMatchInput {
	return &matcherv3.HttpRequestHeaderMatchInput{HeaderName: ":authority"}
}

// hostText returns what a permission asks of the host in any case, in ASCII, if that is what it does.
func hostText(p *rbacv3.Permission) *matcherv3.StringMatcher {
	m := ofHost(p)
	if m.GetIgnoreCase() && ascii(m.GetExact()) && ascii(m.GetPrefix()) && ascii(m.GetSuffix()) {
		return m
	}
	return nil
}

// ofHost returns what a permission asks of the host, if that is what it does.
func ofHost(p *rbacv3.Permission) *matcherv3.StringMatcher {
	if h := p.GetHeader(); h.GetName() == ":authority" && headerText(h) != "" {
		return h.GetStringMatch()
	}
	return nil
}

// capitalHosts finds what hostMaps and hostBeginnings find in requests whose host has a capital.
func capitalHosts() *index {
	g := guardOf(extension(hostInput()))
	return &index{
		name: "capital-hosts", weight: 1, bucket: guarded, encode: g.encode, cover: g.cover, covered: covered,
		find: func(c condition) (key, bool) {
			if c.cases != capitals {
				return key{}, false
			}
			return hostKey(c)
		},
		section: func(content []byte) *xdsmatcherv3.Matcher {
			return behind(extension(hostInput()), ".*[A-Z].*", content)
		},
	}
}

// byCase returns alternatives that say the same, in which a host is asked for in small letters, and with capitals.
func byCase(alternatives []condition) []condition {
	var out []condition
	for _, c := range alternatives {
		if m := hostText(c.permission); m.GetExact() == "" && m.GetPrefix() == "" {
			out = append(out, c)
			continue
		}
		out = append(out, condition{permission: c.permission, cases: smallCase}, condition{permission: c.permission, cases: capitals})
	}
	return out
}
