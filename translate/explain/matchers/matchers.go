// Package matchers decides Envoy's matchers of strings, headers, paths, addresses and metadata, for the
// filters and the routes that use them.
package matchers

import (
	"errors"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

var errNotBuilt = errors.New("not built yet")

// Matcher is a condition of a request, made ready. It is immutable.
type Matcher struct {
	// Wants says what it asks, as a person reads it: `path is /a`, `header x-user is "alice"`.
	Wants string
	// Match decides; saw says what was there, where it does not hold.
	Match func(s *traffic.Stream) (matched traffic.Condition, saw string)
}

// Header is a header matcher, of RBAC and of routes.
func Header(m *routev3.HeaderMatcher) (Matcher, error) { return Matcher{}, errNotBuilt }

// Metadata is a matcher of dynamic metadata: claims.
func Metadata(m *matcherv3.MetadataMatcher) (Matcher, error) { return Matcher{}, errNotBuilt }

// String is a matcher of a string; invalid UTF-8 is as RE2 takes it.
func String(m *matcherv3.StringMatcher) (func(string) bool, error) { return nil, errNotBuilt }

// Regex is a regular expression that has to match all of a string.
func Regex(m *matcherv3.RegexMatcher) (func(string) bool, error) { return nil, errNotBuilt }

// Template is a URI template, which Envoy turns into a regular expression over the path without its query.
func Template(m *corev3.TypedExtensionConfig) (func(path string) bool, error) {
	return nil, errNotBuilt
}
