package token

import (
	"fmt"
	"slices"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	jwtauthnv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// rule is what requests to some paths must have.
type rule struct {
	// matches takes a path without its query; guards are asked if it does.
	matches  func(path string) bool
	guards   []guard
	requires *requirement
}

func (f *Filter) readRules(config *jwtauthnv3.JwtAuthentication, r requirements) ([]rule, error) {
	if config.GetFilterStateRules() != nil || config.GetStripFailureResponse() {
		return nil, fmt.Errorf("filter_state_rules and strip_failure_response are not understood")
	}
	var out []rule
	for i, m := range config.GetRules() {
		matches, err := pathMatcher(m.GetMatch())
		if err != nil {
			return nil, fmt.Errorf("rules[%d]: %w", i, err)
		}
		guards, err := f.guardsOf(m.GetMatch())
		if err != nil {
			return nil, fmt.Errorf("rules[%d]: %w", i, err)
		}
		wants := m.GetRequires()
		if name := m.GetRequirementName(); name != "" {
			wants = config.GetRequirementMap()[name]
		}
		requires, err := r.read(wants)
		if err != nil {
			return nil, fmt.Errorf("rules[%d]: %w", i, err)
		}
		out = append(out, rule{matches, guards, requires})
	}
	return out, nil
}

// pathMatcher understands what looks at the path, beside headers and parameters.
func pathMatcher(m *routev3.RouteMatch) (func(string) bool, error) {
	understood := &routev3.RouteMatch{
		PathSpecifier: m.GetPathSpecifier(), CaseSensitive: m.GetCaseSensitive(),
		Headers: m.GetHeaders(), QueryParameters: m.GetQueryParameters(),
	}
	if !proto.Equal(understood, m) {
		return nil, fmt.Errorf("a match that looks at more than path, headers and parameters is not understood")
	}
	fold := foldCase(m.GetCaseSensitive())
	switch m.GetPathSpecifier().(type) {
	case *routev3.RouteMatch_Prefix:
		prefix := fold(m.GetPrefix())
		return func(path string) bool { return strings.HasPrefix(fold(path), prefix) }, nil
	case *routev3.RouteMatch_Path:
		whole := fold(m.GetPath())
		return func(path string) bool { return fold(path) == whole }, nil
	case *routev3.RouteMatch_PathSeparatedPrefix:
		prefix := fold(m.GetPathSeparatedPrefix())
		return func(path string) bool {
			rest, begins := strings.CutPrefix(fold(path), prefix)
			return begins && (rest == "" || rest[0] == '/')
		}, nil
	default:
		return nil, fmt.Errorf("the match %T is not understood", m.GetPathSpecifier())
	}
}

// foldCase is what is done to paths before they are compared.
func foldCase(sensitive *wrapperspb.BoolValue) func(string) string {
	if sensitive != nil && !sensitive.GetValue() {
		return strings.ToLower
	}
	return func(s string) string { return s }
}

func (r rule) match(w *world) bool {
	path, _ := w.headers.First(":path")
	if i := strings.IndexAny(path, "?#"); i >= 0 {
		path = path[:i]
	}
	return r.matches(path) && !slices.ContainsFunc(r.guards, func(g guard) bool { return !g(w) })
}
