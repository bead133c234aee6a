package matchers

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// Header is a header matcher, of routes and of RBAC. Each line of a name is matched alone. A header that is
// not there does not match, inverted or not, unless the matcher asks for that or takes it for an empty one.
func Header(m *routev3.HeaderMatcher) (Matcher, error) {
	h := headerMatcher{
		name: strings.ToLower(m.GetName()), subject: headerSubject(m.GetName()),
		inverted: inversion(m.GetInvertMatch()), orEmpty: m.GetTreatMissingHeaderAsEmpty(),
	}
	object := "there"
	present := true
	switch specifier := m.GetHeaderMatchSpecifier().(type) {
	case *routev3.HeaderMatcher_PresentMatch:
		present = specifier.PresentMatch
	case nil:
	default:
		var err error
		if h.matches, object, err = headerValue(m); err != nil {
			return Matcher{}, err
		}
	}
	h.there = traffic.DependsOn(h.subject + " is there")
	if h.matches == nil {
		h.inverted = h.inverted == inversion(present)
		return about(h.subject, h.inverted.said(object), h.presence, h.saw), nil
	}
	h.matched = traffic.DependsOn(h.subject + " is " + object)
	return about(h.subject, h.inverted.said(object), h.decide, h.saw), nil
}

type headerMatcher struct {
	name, subject string
	// matches is nil where only presence is asked for. It does not regard inversion.
	matches func(string) bool
	// inverted and orEmpty are the matcher's; of one that asks for presence, inverted says that it
	// asks for absence.
	inverted inversion
	orEmpty  bool
	// there and matched are what is known of a header of which nothing is.
	there, matched traffic.Condition
}

// headerValue returns what matches a value, and says so in words.
func headerValue(m *routev3.HeaderMatcher) (func(string) bool, string, error) {
	switch specifier := m.GetHeaderMatchSpecifier().(type) {
	case *routev3.HeaderMatcher_StringMatch:
		matches, err := String(specifier.StringMatch)
		return matches, pattern(specifier.StringMatch, headerLiteral(m.GetName())), err
	case *routev3.HeaderMatcher_RangeMatch:
		start, end := specifier.RangeMatch.GetStart(), specifier.RangeMatch.GetEnd()
		return func(v string) bool {
			n, err := strconv.ParseInt(strings.Trim(v, " \t\n\v\f\r"), 10, 64)
			return err == nil && n >= start && n < end
		}, fmt.Sprintf("a number from %d to less than %d", start, end), nil
	default:
		return nil, "", notUnderstood(m)
	}
}

func headerSubject(name string) string {
	switch name = strings.ToLower(name); name {
	case ":authority":
		return "host"
	case ":method", ":scheme":
		return name[1:]
	case ":path":
		return "path with query"
	default:
		return "header " + name
	}
}

func headerLiteral(name string) func(string) string {
	if strings.HasPrefix(name, ":") {
		return plain
	}
	return strconv.Quote
}

func (h headerMatcher) presence(s *traffic.Stream) traffic.Condition {
	if h.orEmpty {
		return h.inverted.of(traffic.Known(true))
	}
	_, there := s.Headers.First(h.name)
	c := traffic.Known(there)
	if !there && s.Headers.Unsaid(h.name) {
		c = h.there
	}
	return h.inverted.of(c)
}

func (h headerMatcher) decide(s *traffic.Stream) traffic.Condition {
	matched, there := s.Headers.Some(h.name, h.matches)
	switch {
	case there && h.name == ":path" && s.QueryUnknown:
		// Whatever the query is may decide.
		return h.inverted.of(h.matched)
	case there:
		return h.inverted.of(traffic.Known(matched))
	case s.Headers.Unsaid(h.name):
		return h.unknown()
	case h.orEmpty:
		return h.inverted.of(traffic.Known(h.matches("")))
	default:
		return traffic.Known(false)
	}
}

// unknown is decided by whether the header is there, and whether it matches then.
func (h headerMatcher) unknown() traffic.Condition {
	if h.orEmpty && h.matches("") {
		return h.inverted.of(h.matched.Or(h.there.Not()))
	}
	if bool(h.inverted) && !h.orEmpty {
		return h.there.And(h.matched.Not())
	}
	return h.inverted.of(h.matched)
}

func (h headerMatcher) saw(s *traffic.Stream) string {
	value, there := s.Headers.Joined(h.name)
	switch {
	case !there && s.Headers.Unsaid(h.name):
		return h.subject + " is not known"
	case !there:
		return "no " + h.subject
	case secret(h.name):
		return "a value that is not shown"
	case h.name == ":path":
		path, _, query := strings.Cut(value, "?")
		if query {
			// Queries carry tokens.
			return short(path) + "?…"
		}
		return short(path)
	case value == "":
		return "an empty value"
	default:
		return short(value)
	}
}

// secret reports headers whose values are credentials. It names no fewer than resource.Credential, which stands
// in a room that this one knows nothing of; a test holds the two together.
func secret(name string) bool {
	name = strings.ReplaceAll(strings.ToLower(name), "_", "-")
	return slices.ContainsFunc([]string{"authorization", "cookie", "token", "secret", "password", "api-key", "apikey", "access-key", "credential"}, func(part string) bool {
		return strings.Contains(name, part)
	})
}
