package route

import (
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"

	"github.com/portreeve/portreeve/translate/explain/matchers"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// queryCondition makes ready what a route asks of a parameter of the query.
func queryCondition(m *routev3.QueryParameterMatcher) (condition, error) {
	name := m.GetName()
	subject := "query parameter " + name
	saw := func(a *asked) string { return sawParameter(a.Stream, name) }
	if text := m.GetStringMatch(); text != nil {
		ready, err := matchers.Texts(subject, "no "+subject, text, func(s *traffic.Stream) ([]string, bool) {
			value, there, known := parameter(s, name)
			if !there {
				return nil, known
			}
			return []string{value}, true
		})
		return condition{wants: ready.Wants, decide: func(a *asked) traffic.Condition { return ready.Decide(a.Stream) }, saw: saw}, err
	}
	// A matcher that asks for nothing asks for presence.
	p, asksPresence := m.GetQueryParameterMatchSpecifier().(*routev3.QueryParameterMatcher_PresentMatch)
	wants, present := subject+" is there", !asksPresence || p.PresentMatch
	unknown := traffic.DependsOn(wants)
	if !present {
		wants, unknown = subject+" is not there", unknown.Not()
	}
	return condition{wants: wants, saw: saw, decide: func(a *asked) traffic.Condition {
		if _, there, known := parameter(a.Stream, name); known {
			return traffic.Known(there == present)
		}
		return unknown
	}}, nil
}

// parameter returns the value of a parameter as it is written: Envoy decodes nothing here, cuts off no
// fragment, and takes the first of several. It is not known where the client may have sent a query that is not given.
func parameter(s *traffic.Stream, name string) (value string, there, known bool) {
	path, _ := s.Headers.First(":path")
	_, rest, given := strings.Cut(path, "?")
	for rest != "" {
		var one string
		one, rest, _ = strings.Cut(rest, "&")
		if n, v, _ := strings.Cut(one, "="); n == name {
			return v, true, true
		}
	}
	return "", false, given || !s.QueryUnknown
}

// sawParameter does not repeat the value: queries carry tokens.
func sawParameter(s *traffic.Stream, name string) string {
	switch _, there, known := parameter(s, name); {
	case !known:
		return "query parameter " + name + " is not known"
	case there:
		return "another value, which is not shown"
	default:
		return "no query parameter " + name
	}
}
