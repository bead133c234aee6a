package token

import (
	"slices"
	"strings"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// found is a token of a request, before anybody looks into it.
type found struct {
	place *place
	text  string
	// unsaid says that the request does not say what stands there, only that something does.
	unsaid bool
}

// extract returns the tokens that stand in places, in Envoy's order.
func (w *world) extract(places []place) []found {
	var out []found
	for i := range places {
		p := &places[i]
		texts, known := w.lookUp(p)
		if !known && !w.gone[p.short] && w.ask(p.holdsToken()) {
			out = append(out, found{place: p, unsaid: true})
		}
		for _, text := range texts {
			out = append(out, found{place: p, text: text})
		}
	}
	return out
}

// lookUp returns what stands in a place; it is false where that is not known.
func (w *world) lookUp(p *place) ([]string, bool) {
	switch p.kind {
	case inHeader:
		return w.inHeader(p)
	case inParameter:
		path, _ := w.headers.First(":path")
		if value, there := parametersOf(path).first(p.name); there {
			return []string{value}, true
		}
		return nil, !w.stream.QueryUnknown || slices.Contains(w.stream.AbsentParameters, p.name)
	default:
		lines, known := w.headers.Values("cookie")
		if value, there := cookie(lines, p.name); there {
			return []string{value}, true
		}
		return nil, known
	}
}

// inHeader returns the tokens in a header. What follows the prefix, wherever that stands, is one.
func (w *world) inHeader(p *place) ([]string, bool) {
	lines, known := w.headers.Values(p.name)
	if p.prefix == "" {
		return lines, known
	}
	var out []string
	for _, line := range lines {
		if _, behind, there := strings.Cut(line, p.prefix); there {
			out = append(out, begin(line, behind))
		}
	}
	return out, known
}

// begin cuts off what stands between the prefix and the token; where there is no token it is the whole line.
func begin(line, behind string) string {
	at := strings.IndexFunc(behind, func(r rune) bool {
		_, isDigit := digit(byte(min(r, 0x7f)))
		return isDigit || r == '.'
	})
	if at < 0 {
		return line
	}
	return behind[at:]
}

// remove takes a token out of the request. One in a cookie stays.
func (w *world) remove(p *place) {
	switch p.kind {
	case inHeader:
		w.removeHeaders(p.name)
	case inParameter:
		w.gone[p.short] = true
		if path, there := w.headers.First(":path"); there {
			w.owned().Set(":path", parametersOf(path).without(p.name))
		}
	case inCookie:
	}
}

func (w *world) removeHeaders(names ...string) {
	for _, name := range names {
		w.gone["header "+name] = true
		if _, there := w.headers.First(name); there {
			w.owned().Remove(func(n string) bool { return n == name })
		}
	}
}

// owned returns the headers to be changed. Until then they are those of the stream, which other
// worlds share.
func (w *world) owned() *traffic.Headers {
	if !w.ownsHeaders {
		w.headers, w.ownsHeaders = w.headers.Copy(), true
	}
	return &w.headers
}
