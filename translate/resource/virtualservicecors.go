package resource

import (
	"slices"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
)

// corsChecker checks the CORS policy of an HTTP route.
type corsChecker struct{ valueChecker }

// cors checks what browsers are told of requests from other origins.
func (c corsChecker) cors(path Path, p *networkingv1alpha3.CorsPolicy) {
	if p == nil {
		return
	}
	for i, origin := range p.GetAllowOrigins() {
		c.allowOrigin(path.Field("allowOrigins", i), origin)
	}
	if older := p.GetAllowOrigin(); len(older) > 0 { //nolint:staticcheck // the older field still counts
		c.deprecated(path.Field("allowOrigin"), "allowOrigins: [{exact: …}]")
		c.nonEmpty(path, "allowOrigin", older)
	}
	for i, m := range p.GetAllowMethods() {
		if !slices.Contains(corsMethods(), m) {
			c.add(diag.CodeCORS, path.Field("allowMethods", i), "%q is not a method of HTTP", m).WithHint("%s", choice(m, corsMethods()))
		}
	}
	for field, names := range map[string][]string{"allowHeaders": p.GetAllowHeaders(), "exposeHeaders": p.GetExposeHeaders()} {
		for i, name := range names {
			if name != "*" && !isHeaderToken(name) {
				c.add(diag.CodeCORS, path.Field(field, i), "%q is not the name of a header", name).WithHint("a header's name, or *")
			}
		}
	}
	if t := p.GetMaxAge(); t != nil {
		c.duration(path.Field("maxAge"), t)
		if t.GetNanos() != 0 && t.GetSeconds() >= 1 {
			c.add(diag.CodeCORS, path.Field("maxAge"), "%s is not a whole number of seconds", t.AsDuration()).WithHint("for example 24h")
		} else if t.GetNanos() != 0 {
			c.add(diag.CodeCORS, path.Field("maxAge"), "%s is less than a second", t.AsDuration()).WithHint("for example 24h")
		}
	}
}

func (c corsChecker) allowOrigin(path Path, m *networkingv1alpha3.StringMatch) {
	if m.GetExact() == "" && m.GetPrefix() == "" && m.GetRegex() == "" {
		c.addMissing(diag.CodeCORS, path, "%s has no exact, prefix or regex", path).WithHint("for example exact: https://app.example.com")
		return
	}
	c.stringMatch(path, m)
}

func corsMethods() []string {
	return []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE", "*"}
}
