package explain

import (
	"fmt"
	"strings"

	corsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/cors/v3"

	"github.com/portreeve/portreeve/translate/explain/matchers"
	"github.com/portreeve/portreeve/translate/explain/route"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// corsResponse is what Envoy says of a preflight that it answers.
const corsResponse = "cors_response"

// sharing is what a route lets browsers do for pages of other origins.
type sharing struct {
	origins []func(string) bool
	// allowed and exposed are headers of answers: to any preflight, to a request of an origin that matches.
	credentials, allowed, exposed []traffic.Header
	// forwards says that the preflight of another origin goes on to the backend.
	forwards bool
}

// crossOrigin is the filter that answers preflights as their route says.
func (b *builder) crossOrigin(name string, table *route.Table) (filter, error) {
	ready, err := perRoute(b, table, name, newSharing)
	return func(w *walk) {
		for i, c := range w.chosen {
			told, _ := c.Filter(name)
			if s, ok := ready[told.Config]; ok && !told.Disabled && c.Forwards() {
				s.answer(w, w.taken(i), c)
			}
		}
	}, err
}

func (s sharing) answer(w *walk, when traffic.Condition, c route.Candidate) {
	origin, matches := s.origin(w)
	preflight := when.And(preflight(w))
	reply := traffic.Reply{Status: 200, Details: corsResponse}
	reply.Headers = append(reply.Headers, s.sharedWith(origin)...)
	reply.Headers = append(append(reply.Headers, s.allowed...), s.exposed...)
	reason := w.routeFinding(when, c)
	// The filter writes its answer itself: it gets nothing of what the route does to headers of answers.
	w.stop(preflight.And(matches), end{verdict: Answered, reply: reply, reason: reason})
	if !s.forwards {
		reply.Headers = append(append([]traffic.Header(nil), s.credentials...), s.allowed...)
		w.stop(preflight.And(matches.Not()), end{verdict: Answered, reply: reply, reason: reason})
	}
	if matches.Holds() && when.Holds() {
		w.added = append(append(w.added, s.sharedWith(origin)...), s.exposed...)
	}
}

func (s sharing) sharedWith(origin string) []traffic.Header {
	return append([]traffic.Header{{Name: "access-control-allow-origin", Value: origin}}, s.credentials...)
}

// origin is the origin of the page that asks, and whether it is one that the route lets.
func (s sharing) origin(w *walk) (string, traffic.Condition) {
	origin, known := w.stream.Headers.First("origin")
	if !known && w.stream.Headers.Unsaid("origin") {
		return "", traffic.DependsOn("header origin is one that the route lets")
	}
	for _, matches := range s.origins {
		if origin != "" && matches(origin) {
			return origin, traffic.Known(true)
		}
	}
	return origin, traffic.Known(false)
}

// preflight says whether the request asks for leave only.
func preflight(w *walk) traffic.Condition {
	out := traffic.Known(true)
	if method, _ := w.stream.Headers.First(":method"); method != "OPTIONS" {
		return out.Not()
	}
	for _, name := range []string{"origin", "access-control-request-method"} {
		value, known := w.stream.Headers.First(name)
		switch {
		case !known && w.stream.Headers.Unsaid(name):
			out = out.And(traffic.DependsOn("header " + name))
		case value == "":
			return traffic.Known(false)
		}
	}
	return out
}

func newSharing(c *corsv3.CorsPolicy) (sharing, error) {
	if shareOf(c.GetFilterEnabled().GetDefaultValue()) < 1 {
		return sharing{}, fmt.Errorf("a CORS policy for a share of requests is not understood")
	}
	out := sharing{forwards: c.GetForwardNotMatchingPreflights() == nil || c.GetForwardNotMatchingPreflights().GetValue()}
	for _, o := range c.GetAllowOriginStringMatch() {
		matches, err := matchers.String(o)
		if err != nil {
			return sharing{}, err
		}
		out.origins = append(out.origins, matches)
	}
	if c.GetAllowCredentials().GetValue() {
		out.credentials = []traffic.Header{{Name: "access-control-allow-credentials", Value: "true"}}
	}
	add := func(to *[]traffic.Header, name, value string) {
		if value != "" {
			*to = append(*to, traffic.Header{Name: "access-control-" + name, Value: value})
		}
	}
	add(&out.allowed, "allow-methods", c.GetAllowMethods())
	add(&out.allowed, "allow-headers", c.GetAllowHeaders())
	add(&out.allowed, "max-age", strings.TrimSpace(c.GetMaxAge()))
	add(&out.exposed, "expose-headers", c.GetExposeHeaders())
	return out, nil
}
