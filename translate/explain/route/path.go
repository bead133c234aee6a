package route

import (
	"errors"
	"fmt"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"

	"github.com/portreeve/portreeve/translate/explain/matchers"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// pathCondition makes ready what a route asks of the path. A request without one is taken by routes for
// CONNECT alone.
func pathCondition(m *routev3.RouteMatch) (condition, error) {
	fold := m.GetCaseSensitive() != nil && !m.GetCaseSensitive().GetValue()
	switch p := m.GetPathSpecifier().(type) {
	case *routev3.RouteMatch_Prefix:
		match, err := matchers.String(&matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Prefix{Prefix: p.Prefix}, IgnoreCase: fold})
		if p.Prefix == "/" {
			match = func(path string) bool { return strings.HasPrefix(path, "/") }
		}
		return onPath("Prefix", "path begins with "+p.Prefix, match), err
	case *routev3.RouteMatch_Path:
		match, err := matchers.String(&matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: p.Path}, IgnoreCase: fold})
		return onPath("Path", "path is "+p.Path, match), err
	case *routev3.RouteMatch_SafeRegex:
		match, err := matchers.Regex(p.SafeRegex)
		return onPath("SafeRegex", "path matches "+p.SafeRegex.GetRegex(), match), err
	case *routev3.RouteMatch_PathSeparatedPrefix:
		match, err := separatedPrefix(p.PathSeparatedPrefix, fold)
		return onPath("PathSeparatedPrefix", fmt.Sprintf("path is %s or begins with %[1]s/", p.PathSeparatedPrefix), match), err
	case *routev3.RouteMatch_PathMatchPolicy:
		match, err := matchers.Template(p.PathMatchPolicy)
		return onPath("PathMatchPolicy", "path matches a template", match), err
	case *routev3.RouteMatch_ConnectMatcher_:
		return connectCondition(), nil
	default:
		return condition{}, errors.New("there is no path")
	}
}

func onPath(clause, wants string, match func(string) bool) condition {
	return condition{
		clause: "Match." + clause, wants: wants,
		decide: func(a *asked) traffic.Condition { return traffic.Known(a.hasPath && match(a.path)) },
		saw:    sawPath,
	}
}

func separatedPrefix(prefix string, fold bool) (func(string) bool, error) {
	match, err := matchers.String(&matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Prefix{Prefix: prefix}, IgnoreCase: fold})
	return func(path string) bool {
		return len(path) >= len(prefix) && match(path) && (len(path) == len(prefix) || path[len(prefix)] == '/')
	}, err
}

// connectCondition takes CONNECT requests, and those of HTTP/2 that ask for UDP in that way.
func connectCondition() condition {
	method := func(a *asked) string {
		method, _ := a.Headers.First(":method")
		return method
	}
	return condition{
		clause: "Match.ConnectMatcher", wants: "method is CONNECT",
		decide: func(a *asked) traffic.Condition { return traffic.Known(method(a) == "CONNECT") }, saw: method,
	}
}

func sawPath(a *asked) string {
	if !a.hasPath {
		return "no path"
	}
	return a.path
}
