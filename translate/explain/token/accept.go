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
	switch {
	case p.payloadHeader == "":
	case t.payloadText == "":
		w.owned().Hide(p.payloadHeader)
	default:
		w.owned().Add(p.payloadHeader, p.payloadValue(t))
	}
	added := false
	for _, c := range p.claims {
		value, known := claimText(t.payload, c.path)
		switch {
		case !known:
			w.owned().Hide(c.header)
		case value != "":
			w.owned().Add(c.header, value)
		}
		added = added || value != "" || !known
	}
	w.cleared = w.cleared || p.clearsRoute && (added || p.payloadKey != "")
	if !p.keep {
		w.remove(at)
	}
	w.leave(p.headerKey, t.header)
	w.leave(p.payloadKey, normalized(t.payload, p.spaceDelimited))
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

// payloadValue is what a header gets that takes all claims.
func (f *forward) payloadValue(t *jwt) string {
	if !f.padded {
		return t.payloadText
	}
	return t.payloadText + strings.Repeat("=", (4-len(t.payloadText)%4)%4)
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
		if _, unknown := value.(traffic.Unknown); unknown {
			return "", false
		}
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
