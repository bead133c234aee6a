package token

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// effectOf says when the filter refuses, and with what: where worlds refuse in different ways, what they
// have in common.
func effectOf(worlds []*world) traffic.Effect {
	out := traffic.Effect{Stops: when(worlds, 0, func(w *world) bool { return w.outcome != ok })}
	first := true
	for _, w := range worlds {
		if w.outcome == ok {
			continue
		}
		reply := w.reply()
		if !first {
			reply = common(out.Reply, reply)
		}
		out.Reply, first = reply, false
	}
	return out
}

func common(a, b traffic.Reply) traffic.Reply {
	if a.Status != b.Status {
		a.Status = 0
	}
	if a.Body != b.Body {
		a.Body = ""
	}
	if a.Details != b.Details {
		a.Details = ""
	}
	if !slices.Equal(a.Headers, b.Headers) {
		a.Headers = nil
	}
	return a
}

// reply is what a refused request gets.
func (w *world) reply() traffic.Reply {
	out := traffic.Reply{Status: 401, Body: w.outcome.text()}
	switch w.outcome {
	case audienceNotAllowed:
		out.Status = 403
	case unsure:
		out.Status = 0
	}
	if out.Body != "" {
		out.Details = "jwt_authn_access_denied{" + strings.ReplaceAll(out.Body, " ", "_") + "}"
	}
	value := `Bearer realm="` + realm(&w.stream.Headers) + `"`
	if w.outcome != missing {
		value += `, error="invalid_token"`
	}
	out.Headers = []traffic.Header{{Name: "www-authenticate", Value: value}}
	return out
}

// maxRealmPath is how much of the path Envoy tells.
const maxRealmPath = 256

// realm is the address that was asked for.
func realm(h *traffic.Headers) string {
	path, there := h.First(":path")
	if !there {
		return ""
	}
	if original, there := h.First("x-envoy-original-path"); there {
		path = original
	}
	scheme, _ := h.First(":scheme")
	authority, _ := h.First(":authority")
	return scheme + "://" + authority + path[:min(len(path), maxRealmPath)]
}

// leave changes a request as the worlds do in which it goes on, or all where it goes on in none. What
// differs between them is not known.
func leave(s *traffic.Stream, worlds []*world) {
	going := slices.DeleteFunc(slices.Clone(worlds), func(w *world) bool { return w.outcome != ok })
	if len(going) == 0 {
		going = worlds
	}
	s.Headers, s.QueryUnknown = headersOf(s, going)
	s.RouteCleared = s.RouteCleared || slices.ContainsFunc(going, func(w *world) bool { return w.cleared })
	extracted := going[0].extracted
	for _, w := range going[1:] {
		extracted = meet(extracted, w.extracted)
	}
	if len(extracted) > 0 {
		write(s, traffic.Object{Fields: extracted, Open: s.Metadata[namespace].Open})
	}
}

// forget says that nothing is known of what the filter leaves.
func forget(s *traffic.Stream) {
	write(s, traffic.Object{Open: true})
	s.Headers.Remove(func(name string) bool { return !strings.HasPrefix(name, ":") })
	if path, there := s.Headers.First(":path"); there {
		path, _, _ = strings.Cut(path, "?")
		s.Headers.Set(":path", path)
	}
	s.Headers, s.QueryUnknown = traffic.NewHeaders(s.Headers.Lines(), traffic.OthersUnknown), true
}

// write adds to the metadata of the filter.
func write(s *traffic.Stream, more traffic.Object) {
	after := traffic.Object{Fields: map[string]any{}, Open: more.Open}
	for _, from := range []map[string]any{s.Metadata[namespace].Fields, more.Fields} {
		maps.Copy(after.Fields, from)
	}
	if s.Metadata == nil {
		s.Metadata = map[string]traffic.Object{}
	}
	s.Metadata[namespace] = after
}

// meet returns what is known where either of two may be the case.
func meet(a, b map[string]any) map[string]any {
	out := map[string]any{}
	for _, from := range []map[string]any{a, b} {
		for key := range from {
			out[key] = meetValues(a[key], b[key])
		}
	}
	return out
}

func meetValues(a, b any) any {
	if reflect.DeepEqual(a, b) {
		return a
	}
	x, isObject := a.(traffic.Object)
	y, both := b.(traffic.Object)
	if !isObject || !both {
		return traffic.Unknown{}
	}
	out := traffic.Object{Fields: map[string]any{}, Open: true}
	for name, value := range x.Fields {
		if other, there := y.Fields[name]; there {
			out.Fields[name] = meetValues(value, other)
		}
	}
	return out
}

// headersOf returns the headers that all worlds leave, which are all where they leave the same.
func headersOf(s *traffic.Stream, worlds []*world) (traffic.Headers, bool) {
	if len(worlds) == 1 {
		return worlds[0].headers, s.QueryUnknown
	}
	lines := worlds[0].headers.Lines()
	same, query := true, s.QueryUnknown
	for _, w := range worlds[1:] {
		others := w.headers.Lines()
		same = same && slices.Equal(lines, others)
		path, _ := w.headers.First(":path")
		for i, l := range lines {
			if l.Name == ":path" && l.Value != path {
				lines[i].Value, _, _ = strings.Cut(path, "?")
				query = true
			}
		}
		lines = slices.DeleteFunc(lines, func(l traffic.Header) bool { return l.Name != ":path" && !slices.Contains(others, l) })
	}
	others := traffic.OthersUnknown
	if same {
		others = traffic.Others(worlds[0].headers.Open())
	}
	out := s.Headers.With(lines, others)
	for _, w := range worlds {
		out.Hide(w.headers.Hidden()...)
	}
	return out, query
}
