package envoy

import (
	"cmp"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/model"
)

// redirect renders where a client is sent to.
func redirect(p model.Port, d *networkingv1alpha3.HTTPRedirect) *routev3.RedirectAction {
	out := &routev3.RedirectAction{
		HostRedirect: d.GetAuthority(),
		PortRedirect: redirectPort(p, d),
		ResponseCode: redirectCode(d.GetRedirectCode()),
	}
	if d.GetUri() != "" {
		out.PathRewriteSpecifier = &routev3.RedirectAction_PathRedirect{PathRedirect: d.GetUri()}
	}
	if d.GetPrefixRewrite() != "" {
		out.PathRewriteSpecifier = &routev3.RedirectAction_PrefixRewrite{PrefixRewrite: d.GetPrefixRewrite()}
	}
	if d.GetScheme() != "" {
		out.SchemeRewriteSpecifier = &routev3.RedirectAction_SchemeRedirect{SchemeRedirect: d.GetScheme()}
	}
	return out
}

// redirectPort returns the port that is written into the address, or 0 for none: the
// scheme's own port is left out.
func redirectPort(p model.Port, d *networkingv1alpha3.HTTPRedirect) uint32 {
	var port uint32
	switch chosen := d.GetRedirectPort().(type) {
	case *networkingv1alpha3.HTTPRedirect_Port:
		port = chosen.Port
	case *networkingv1alpha3.HTTPRedirect_DerivePort:
		if chosen.DerivePort == networkingv1alpha3.HTTPRedirect_FROM_REQUEST_PORT {
			port = p.Number
		}
	}
	scheme := cmp.Or(d.GetScheme(), requestScheme(p))
	if port == 80 && scheme == "http" || port == 443 && scheme == "https" {
		return 0
	}
	return port
}

// requestScheme is the scheme of requests that come in on a port.
func requestScheme(p model.Port) string {
	if p.Traffic == model.HTTPS {
		return "https"
	}
	return "http"
}

func redirectCode(code uint32) routev3.RedirectAction_RedirectResponseCode {
	switch code {
	case 302:
		return routev3.RedirectAction_FOUND
	case 303:
		return routev3.RedirectAction_SEE_OTHER
	case 307:
		return routev3.RedirectAction_TEMPORARY_REDIRECT
	case 308:
		return routev3.RedirectAction_PERMANENT_REDIRECT
	default:
		return routev3.RedirectAction_MOVED_PERMANENTLY
	}
}

// rewrite sets what the backend is asked for. The host of rewrite counts, or else that of
// the header operations.
func rewrite(out *routev3.RouteAction, w *networkingv1alpha3.HTTPRewrite, authority string) {
	if re := w.GetUriRegexRewrite(); re != nil {
		out.RegexRewrite = &matcherv3.RegexMatchAndSubstitute{Pattern: &matcherv3.RegexMatcher{Regex: re.GetMatch()}, Substitution: re.GetRewrite()}
	} else {
		out.PrefixRewrite = w.GetUri()
	}
	if host := cmp.Or(w.GetAuthority(), authority); host != "" {
		out.HostRewriteSpecifier = &routev3.RouteAction_HostRewriteLiteral{HostRewriteLiteral: host}
	}
}
