package resource

import (
	"slices"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
)

// redirectChecker checks the redirect and the rewrite of an HTTP route.
type redirectChecker struct{ valueChecker }

// redirect checks where a client is sent to.
func (c redirectChecker) redirect(route Path, r *networkingv1alpha3.HTTPRoute) {
	path, d := route.Field("redirect"), r.GetRedirect()
	if d.GetUri() == "" && d.GetPrefixRewrite() == "" && d.GetAuthority() == "" && d.GetScheme() == "" && d.GetRedirectPort() == nil {
		c.addMissing(diag.CodeRedirect, path, "%s leads to where the request is already", path).WithHint("add uri, authority, scheme or port")
	}
	if d.GetUri() != "" && d.GetPrefixRewrite() != "" {
		c.addKey(diag.CodeRedirect, path.Field("prefixRewrite"), "%s has both uri and prefixRewrite", path).WithHint("keep one of them")
	}
	if code := d.GetRedirectCode(); code != 0 && !slices.Contains([]uint32{301, 302, 303, 307, 308}, code) {
		c.add(diag.CodeRedirect, path.Field("redirectCode"), "Envoy does not redirect with %d", code).WithHint("301, 302, 303, 307 or 308")
	}
	if s := d.GetScheme(); s != "" && s != "http" && s != "https" {
		c.add(diag.CodeRedirect, path.Field("scheme"), "%q is not a scheme to redirect to", s).WithHint("http or https")
	}
	if d.GetPort() != 0 {
		c.portNumber(path.Field("port"), d.GetPort())
	}
	for _, field := range []struct{ name, value string }{{"uri", d.GetUri()}, {"prefixRewrite", d.GetPrefixRewrite()}, {"authority", d.GetAuthority()}} {
		c.oneLine(diag.CodeRedirect, path.Field(field.name), field.value)
	}
	if d.GetPrefixRewrite() != "" {
		c.prefixOnly(path.Field("prefixRewrite"), r.GetMatch())
	}
}

// prefixOnly holds that there is a prefix to replace.
func (c redirectChecker) prefixOnly(path Path, matches []*networkingv1alpha3.HTTPMatchRequest) {
	for i, m := range matches {
		if m.GetUri().GetMatchType() == nil {
			continue
		}
		if _, ok := m.GetUri().GetMatchType().(*networkingv1alpha3.StringMatch_Prefix); !ok {
			c.add(diag.CodeRedirect, path, "match[%d] has no prefix that prefixRewrite could replace", i).WithHint("uri, or a match with uri.prefix")
		}
	}
}

// rewrite checks what becomes of the path and the host on the way to the backend.
func (c redirectChecker) rewrite(route Path, r *networkingv1alpha3.HTTPRoute) {
	path, w := route.Field("rewrite"), r.GetRewrite()
	re := w.GetUriRegexRewrite()
	if w.GetUri() != "" && re != nil {
		c.addKey(diag.CodeRewrite, path.Field("uriRegexRewrite"), "%s has both uri and uriRegexRewrite", path).WithHint("keep one of them")
	}
	if w.GetUri() == "" && re == nil && w.GetAuthority() == "" {
		c.addMissing(diag.CodeRewrite, path, "%s has neither uri nor uriRegexRewrite nor authority", path).WithHint("for example uri: /")
	}
	if re != nil {
		c.regexRewrite(path.Field("uriRegexRewrite"), re)
	}
	c.oneLine(diag.CodeRewrite, path.Field("uri"), w.GetUri())
	c.oneLine(diag.CodeRewrite, path.Field("authority"), w.GetAuthority())
}

func (c redirectChecker) regexRewrite(path Path, re *networkingv1alpha3.RegexRewrite) {
	if re.GetMatch() == "" || re.GetRewrite() == "" {
		c.addMissing(diag.CodeRewrite, path, "%s needs both match and rewrite", path).WithHint(`for example match: ^/v1/(.*)$ and rewrite: /\1`)
		return
	}
	c.regex(path.Field("match"), re.GetMatch())
	c.substitution(path.Field("rewrite"), re)
}

// oneLine refuses line breaks and NUL, which Envoy refuses with all routes of the port.
func (c redirectChecker) oneLine(code diag.Code, path Path, value string) {
	if slices.ContainsFunc([]byte(value), func(b byte) bool { return b == '\r' || b == '\n' || b == 0 }) {
		c.add(code, path, "%q has a line break", value).WithHint("write it on one line")
	}
}
