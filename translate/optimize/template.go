package optimize

import (
	"regexp"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	uritemplatev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/path/match/uri_template/v3"
)

// templateSegment and templateRest are what Envoy makes of the operators * and ** of a template: a segment that
// is not empty, and any number of them (TestTemplatesAreTheirExpressions asks Envoy for every character).
const (
	templateSegment = `[a-zA-Z0-9\-._~%!$&'()*+,;:@=]+`
	templateRest    = `[a-zA-Z0-9\-._~%!$&'()*+,;:@=/]*`
)

// templateExpression returns a template as an expression over the path without its query, as which Envoy
// matches it too. It is false for what package policy does not write.
func templateExpression(m *corev3.TypedExtensionConfig) (expression, bool) {
	config := &uritemplatev3.UriTemplateMatchConfig{}
	if m.GetTypedConfig().UnmarshalTo(config) != nil {
		return expression{}, false
	}
	text := config.GetPathTemplate()
	if !strings.HasPrefix(text, "/") || strings.ContainsAny(text, "{}") || !printable(text) || !ascii(text) {
		return expression{}, false
	}
	text = strings.NewReplacer(`\*\*`, templateRest, `\*`, templateSegment).Replace(regexp.QuoteMeta(text))
	return readExpression(text)
}
