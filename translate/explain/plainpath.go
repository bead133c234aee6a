package explain

import (
	"fmt"
	"strings"

	matchingv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/common/matching/v3"
	actionv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/common/matcher/action/v3"
	headertometadatav3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/header_to_metadata/v3"

	"github.com/portreeve/portreeve/translate/explain/rbac"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// parametersOrQuery is the one expression that is understood where a filter leaves a part of the path as metadata: what it
// matches is cut out, the parameters behind each segment, and the query.
const parametersOrQuery = `(?s)(?:;|%3[Bb])[^/?#]*|[?#].*`

// longestMetadata bounds a text that is made metadata of: of one as long there is none.
const longestMetadata = 8 << 10

// skipped is a filter that a condition of requests skips. It is understood for one filter, which may as well be run: it
// only cuts off what a request that skips it does not have. So it is run where the condition is not known.
func (b *builder) skipped(name string, c *matchingv3.ExtensionWithMatcher) (filter, error) {
	m, err := b.unpack(name, c.GetExtensionConfig().GetTypedConfig())
	if err != nil {
		return nil, err
	}
	of, ok := m.(*headertometadatav3.Config)
	list := c.GetXdsMatcher().GetMatcherList().GetMatchers()
	if !ok || len(list) != 1 || c.GetXdsMatcher().GetOnNoMatch() != nil || list[0].GetOnMatch().GetKeepMatching() ||
		!list[0].GetOnMatch().GetAction().GetTypedConfig().MessageIs(&actionv3.SkipFilter{}) {
		return nil, notUnderstood(name, c)
	}
	run, err := plainPath(of)
	if err != nil {
		return nil, err
	}
	skips, err := rbac.Predicate(list[0].GetPredicate())
	return func(w *walk) {
		if !skips(w.stream).Holds() {
			run(w)
		}
	}, err
}

// plainPath is the filter that leaves the path without its parameters and its query.
func plainPath(c *headertometadatav3.Config) (filter, error) {
	rules := c.GetRequestRules()
	if len(rules) != 1 || rules[0].GetHeader() != ":path" || rules[0].GetOnHeaderPresent().GetRegexValueRewrite().GetPattern().GetRegex() != parametersOrQuery {
		return nil, fmt.Errorf("%.200v is not understood", c)
	}
	leaves := rules[0].GetOnHeaderPresent()
	return func(w *walk) {
		path, _ := w.stream.Headers.First(":path")
		if path = withoutParameters(path); path == "" || len(path) >= longestMetadata {
			return
		}
		left := traffic.Object{Fields: map[string]any{leaves.GetKey(): path}, Open: w.stream.Metadata[leaves.GetMetadataNamespace()].Open}
		for key, value := range w.stream.Metadata[leaves.GetMetadataNamespace()].Fields {
			if key != leaves.GetKey() {
				left.Fields[key] = value
			}
		}
		w.stream.Metadata[leaves.GetMetadataNamespace()] = left
	}, nil
}

// withoutParameters cuts off the query, and in each segment all from the first ; on, escaped or not.
func withoutParameters(path string) string {
	if i := strings.IndexAny(path, "?#"); i >= 0 {
		path = path[:i]
	}
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		for _, mark := range []string{";", "%3b", "%3B"} {
			segment, _, _ = strings.Cut(segment, mark)
		}
		segments[i] = segment
	}
	return strings.Join(segments, "/")
}
