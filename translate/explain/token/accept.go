package token

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// accept does what Envoy does with a token that is verified: it leaves its claims in headers and in
// metadata, and takes it out of the request.
func (w *world) accept(p *provider, t *jwt, at *place) {
	if p.payloadHeader != "" {
		w.addHeader(p.payloadHeader, pad(t.payloadText, p.padded), t.payloadText != "")
	}
	added := false
	for _, c := range p.claims {
		value, known := claimText(t.payload, c.path)
		if value != "" || !known {
			w.addHeader(c.header, value, known)
			added = true
		}
	}
	w.cleared = w.cleared || p.clearsRoute && (added || p.payloadKey != "")
	if !p.keep {
		w.remove(at)
	}
	w.leave(p.headerKey, t.header)
	w.leave(p.payloadKey, normalized(t.payload, p.spaceDelimited))
}

// addHeader adds a line. One whose value is not known makes it unknown what headers there are.
func (w *world) addHeader(name, value string, known bool) {
	if !known {
		w.headers, w.ownsHeaders = traffic.NewHeaders(w.headers.Lines(), traffic.OthersUnknown), true
		return
	}
	w.owned().Add(name, value)
}

func (w *world) leave(key string, o traffic.Object) {
	if key == "" {
		return
	}
	if w.extracted == nil {
		w.extracted = map[string]any{}
	}
	w.extracted[key] = o
}

func pad(text string, padded bool) string {
	if !padded {
		return text
	}
	return text + strings.Repeat("=", (4-len(text)%4)%4)
}

// normalized makes lists of the claims that are lists of words in one text.
func normalized(payload traffic.Object, names []string) traffic.Object {
	out := traffic.Object{Fields: make(map[string]any, len(payload.Fields)), Open: payload.Open}
	for name, value := range payload.Fields {
		if text, isText := value.(string); isText && slices.Contains(names, name) {
			value = words(text)
		}
		out.Fields[name] = value
	}
	return out
}

// words returns the words of a text; where it has none the text stays.
func words(text string) any {
	var out []any
	for word := range strings.SplitSeq(text, " ") {
		if word != "" {
			out = append(out, word)
		}
	}
	if out == nil {
		return text
	}
	return out
}

// claimText is what a header gets of a claim, empty where it gets none. It is false where that is not known.
func claimText(payload traffic.Object, path []string) (string, bool) {
	var value any = payload
	for _, name := range path {
		o, isObject := value.(traffic.Object)
		next, there := o.Fields[name]
		if !there {
			return "", !isObject || !o.Open
		}
		value = next
	}
	switch value := value.(type) {
	case string:
		return value, true
	case float64:
		return numberText(value), true
	case bool:
		if value {
			return "true", true
		}
		return "false", true
	case traffic.Object, []any:
		text, known := writeJSON(value)
		return base64.StdEncoding.EncodeToString([]byte(text)), known
	case traffic.Unknown:
		return "", false
	default:
		return "", true
	}
}
