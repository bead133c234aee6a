package explain

import (
	"fmt"
	"strings"

	headertometadatav3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/header_to_metadata/v3"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// parametersOrQuery is the one expression that is understood where a filter leaves a part of the path as metadata: what it
// matches is cut out, the parameters behind each segment, and the query.
const parametersOrQuery = `(?s)(?:;|%3[Bb])[^/?#]*|[?#].*`

// longestMetadata bounds a text that is made metadata of: of one as long there is none.
const longestMetadata = 8 << 10

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
