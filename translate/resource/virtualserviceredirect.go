package resource

import (
	"regexp/syntax"
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

// substitution checks the replacement of a regular expression: \0 to \9 are the groups of
// its match and \\ is a backslash. Envoy refuses any other, and a group that is not there.
func (c redirectChecker) substitution(path Path, re *networkingv1alpha3.RegexRewrite) {
	parsed, err := syntax.Parse(re.GetMatch(), syntax.Perl)
	if err != nil {
		return // reported already
	}
	text := re.GetRewrite()
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		i++
		switch {
		case i < len(text) && text[i] == '\\':
		case i == len(text) || text[i] < '0' || text[i] > '9':
			c.add(diag.CodeRewrite, path, "%q has a backslash without a digit behind it", text).WithHint(`\0 to \9 for a group, \\ for a backslash`)
			return
		case int(text[i]-'0') > parsed.MaxCap():
			c.add(diag.CodeRewrite, path, "%q has no group %c", re.GetMatch(), text[i]).WithHint("put what is to be kept in parentheses")
			return
		}
	}
	c.oneLine(diag.CodeRewrite, path, text)
}
