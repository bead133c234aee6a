package matchers

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// PathOnly returns a path without its query and its fragment, as Envoy's matchers of paths see it.
func PathOnly(path string) string {
	for i := range len(path) {
		if path[i] == '?' || path[i] == '#' {
			return path[:i]
		}
	}
	return path
}

// Path is a matcher of the path without its query and fragment. Where there is no path, as in a CONNECT or
// on a connection, it does not match.
func Path(m *matcherv3.PathMatcher) (Matcher, error) {
	matches, err := String(m.GetPath())
	if err != nil {
		return Matcher{}, err
	}
	decide := func(s *traffic.Stream) traffic.Condition {
		path, ok := s.Headers.First(":path")
		return traffic.Known(ok && matches(PathOnly(path)))
	}
	return about("path", pattern(m.GetPath(), plain), decide, sawPath), nil
}

// PathTemplate is a matcher of the path by a URI template.
func PathTemplate(m *corev3.TypedExtensionConfig) (Matcher, error) {
	written, matches, err := template(m)
	if err != nil {
		return Matcher{}, err
	}
	decide := func(s *traffic.Stream) traffic.Condition {
		path, _ := s.Headers.First(":path")
		return traffic.Known(matches(path))
	}
	return about("path", "a match of the template "+written, decide, sawPath), nil
}

func sawPath(s *traffic.Stream) string {
	path, ok := s.Headers.First(":path")
	if !ok {
		return "no path"
	}
	return short(PathOnly(path))
}
