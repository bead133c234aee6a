package route

import (
	"strconv"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// address is where a client is sent to. What is empty is that of the request.
type address struct {
	scheme, host, path string
	// port is with its colon.
	port       string
	stripQuery bool
}

// redirecting makes ready a route that sends clients elsewhere.
func redirecting(r *routev3.Route, d *routev3.RedirectAction) (action, error) {
	to := address{scheme: d.GetSchemeRedirect(), host: d.GetHostRedirect(), path: d.GetPathRedirect(), stripQuery: d.GetStripQuery()}
	if d.GetHttpsRedirect() {
		to.scheme = "https"
	}
	if d.GetPortRedirect() != 0 {
		to.port = ":" + strconv.FormatUint(uint64(d.GetPortRedirect()), 10)
	}
	rewrite, err := rewriteOf(r.GetMatch(), d.GetPrefixRewrite(), d.GetRegexRewrite())
	if err != nil {
		return nil, err
	}
	reply := traffic.Reply{Status: redirectStatus(d.GetResponseCode()), Details: directResponse}
	return func(e *entry, s *traffic.Stream) Outcome {
		request, notKnown := s.Headers, []string(nil)
		if rewrite != nil {
			request = s.Headers.Copy()
			notKnown = rewrite.apply(&request)
		}
		return e.reply(s, &request, to, reply, notKnown)
	}, nil
}

func redirectStatus(c routev3.RedirectAction_RedirectResponseCode) uint32 {
	switch c {
	case routev3.RedirectAction_FOUND:
		return 302
	case routev3.RedirectAction_SEE_OTHER:
		return 303
	case routev3.RedirectAction_TEMPORARY_REDIRECT:
		return 307
	case routev3.RedirectAction_PERMANENT_REDIRECT:
		return 308
	default:
		return 301
	}
}

// location is the address in full, for a request with these headers.
func (to address) location(request *traffic.Headers) string {
	scheme, _ := request.First(":scheme")
	if to.scheme != "" {
		scheme = to.scheme
	}
	host := to.host
	if host == "" {
		host = to.requestHost(request, scheme)
	}
	return scheme + "://" + host + to.port + to.target(request)
}

// target is the path with its query. A query in the path that is written counts, and is not stripped.
func (to address) target(request *traffic.Headers) string {
	asked, _ := request.First(":path")
	target, written := asked, strings.Contains(to.path, "?")
	switch {
	case written:
		target = to.path
	case to.path != "":
		target = to.path
		if i := strings.IndexByte(asked, '?'); i >= 0 {
			target += asked[i:]
		}
	}
	if !strings.HasPrefix(target, "/") {
		target = "/" + target
	}
	if to.stripQuery && !written {
		target, _, _ = strings.Cut(target, "?")
	}
	return target
}

// keepsQuery reports whether a query that is not given would stand in the address.
func (to address) keepsQuery(request *traffic.Headers) bool {
	asked, _ := request.First(":path")
	return !to.stripQuery && !strings.Contains(to.path, "?") && !strings.Contains(asked, "?")
}

// requestHost is the host that was asked for: without its port where another is written, or where
// it is the usual one of a scheme that changes.
func (to address) requestHost(request *traffic.Headers, scheme string) string {
	host, _ := request.First(":authority")
	colon := strings.LastIndexByte(host, ':')
	if strings.HasPrefix(host, "[") {
		if colon = strings.LastIndex(host, "]:"); colon >= 0 {
			colon++
		}
	}
	if colon < 0 {
		return host
	}
	came, _ := request.First("x-forwarded-proto")
	usual := strings.EqualFold(came, "https") && host[colon:] == ":443" || strings.EqualFold(came, "http") && host[colon:] == ":80"
	if to.port != "" || scheme != came && usual {
		return host[:colon]
	}
	return host
}
