package route

import (
	"fmt"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// Outcome is what a route makes of a request: an answer, or clusters.
type Outcome struct {
	// Reply is what the gateway answers itself, nil where a cluster answers. Of its headers those that
	// every answer with a body has are left out: content-type, content-length.
	Reply *traffic.Reply
	// Backends are the clusters of which one is chosen by weight, each with what it would see.
	Backends []Backend
	// NotKnown says what of this cannot be said: headers whose value Envoy knows alone.
	NotKnown []string
}

// Backend is a cluster that a request may be sent to, and what the cluster sees of it.
type Backend struct {
	Cluster string
	// Weight is 0 where there is no choice.
	Weight          uint32
	Authority, Path string
	// Headers are all, those that begin with a colon too; not what Envoy adds for itself, x-envoy-*.
	Headers traffic.Headers
}

// action is what a route does with a request. It leaves the stream as it is.
type action func(e *entry, s *traffic.Stream) Outcome

// Outcome says what the route makes of a request that no filter has stopped. No route is 404.
func (c Candidate) Outcome(s *traffic.Stream) Outcome {
	switch {
	case c.entry != nil:
		return c.entry.action(c.entry, s)
	case c.VirtualHost != nil:
		return toTLS(s)
	default:
		return Outcome{Reply: &traffic.Reply{Status: 404, Details: "route_not_found", Flags: "NR"}}
	}
}

// Answered is the answer of a filter that has stopped the request while the route was chosen: what the
// route does to headers of answers is done to it. That of a route which answers itself is left alone.
func (c Candidate) Answered(s *traffic.Stream, r traffic.Reply) (traffic.Reply, []string) {
	if c.entry == nil || c.Route.GetRoute() == nil {
		return r, nil
	}
	if weighted := c.Route.GetRoute().GetWeightedClusters(); weighted != nil {
		for _, w := range weighted.GetClusters() {
			if len(w.GetResponseHeadersToAdd()) > 0 || len(w.GetResponseHeadersToRemove()) > 0 {
				return r, []string{"headers that the chosen cluster's weight adds to the answer"}
			}
		}
	}
	return c.entry.finished(s, &s.Headers, r)
}

// finished is a reply with what is done to its headers; request are the headers of the request at that moment.
func (e *entry) finished(s *traffic.Stream, request *traffic.Headers, r traffic.Reply) (traffic.Reply, []string) {
	var notKnown []string
	headers := traffic.NewHeaders(r.Headers, traffic.NoOthers)
	for _, o := range e.response {
		notKnown = append(notKnown, o.apply(&headers, reading{s, request, e})...)
	}
	r.Headers = headers.Lines()
	return r, notKnown
}

func actionOf(r *routev3.Route) (action, error) {
	switch a := r.GetAction().(type) {
	case *routev3.Route_Route:
		return forwarding(r, a.Route)
	case *routev3.Route_Redirect:
		return redirecting(r, a.Redirect)
	case *routev3.Route_DirectResponse:
		return answering(a.DirectResponse), nil
	default:
		return nil, fmt.Errorf("the action %T is not understood", a)
	}
}

const directResponse = "direct_response"

// answering makes ready a route that answers itself. A status that tells of another place comes with the
// address of the request itself.
func answering(d *routev3.DirectResponseAction) action {
	body, notKnown := bodyOf(d.GetBody())
	return func(e *entry, s *traffic.Stream) Outcome {
		return e.reply(s, &s.Headers, address{}, traffic.Reply{Status: d.GetStatus(), Body: body, Details: directResponse}, notKnown)
	}
}

// reply is the outcome of a route that answers itself.
func (e *entry) reply(s *traffic.Stream, request *traffic.Headers, to address, r traffic.Reply, notKnown []string) Outcome {
	if _, has := request.First(":path"); has && (r.Status == 201 || r.Status >= 300 && r.Status < 400) {
		r.Headers = append(r.Headers, traffic.Header{Name: "location", Value: to.location(request)})
		if s.QueryUnknown && to.keepsQuery(request) {
			notKnown = append(notKnown, "the query of the location")
		}
	}
	out, more := e.finished(s, request, r)
	return Outcome{Reply: &out, NotKnown: append(notKnown[:len(notKnown):len(notKnown)], more...)}
}

func bodyOf(d *corev3.DataSource) (string, []string) {
	switch b := d.GetSpecifier().(type) {
	case nil:
		return "", nil
	case *corev3.DataSource_InlineString:
		return b.InlineString, nil
	case *corev3.DataSource_InlineBytes:
		return string(b.InlineBytes), nil
	default:
		return "", []string{"the body, which stands on the gateway's disk or in its environment"}
	}
}

// toTLS sends a request to its own address with https, as a virtual host does that takes nothing else. What
// routes do to headers is not done to that answer.
func toTLS(s *traffic.Stream) Outcome {
	authority, _ := s.Headers.First(":authority")
	path, _ := s.Headers.First(":path")
	out := Outcome{Reply: &traffic.Reply{
		Status: 301, Details: directResponse,
		Headers: []traffic.Header{{Name: "location", Value: "https://" + authority + path}},
	}}
	if s.QueryUnknown && !strings.Contains(path, "?") {
		out.NotKnown = []string{"the query of the location"}
	}
	return out
}
