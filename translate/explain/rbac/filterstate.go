package rbac

import (
	"strconv"

	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"

	"github.com/portreeve/portreeve/translate/explain/matchers"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// filterState matches a text that another filter left. Where there is none it does not match.
func filterState(m *matcherv3.FilterStateMatcher) (matchers.Matcher, error) {
	if m.GetStringMatch() == nil {
		return matchers.Matcher{}, notUnderstood(m)
	}
	subject := "filter state " + strconv.Quote(m.GetKey())
	return matchers.Texts(subject, "no "+subject, m.GetStringMatch(), func(s *traffic.Stream) ([]string, bool) {
		left, there := s.State[m.GetKey()]
		if !there {
			return nil, true
		}
		return []string{left.Value}, !left.Unknown
	})
}
