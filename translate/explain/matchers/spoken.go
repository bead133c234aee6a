package matchers

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// mostSpoken bounds what is repeated of what a client sent.
const mostSpoken = 200

// token begins as the JSON of every token's header does.
const token, tokenDots = "eyJ", 2

// short returns a text, or its beginning where it is long. What holds a token is not shown, wherever a client puts it.
func short(v string) string {
	if at := strings.Index(v, token); at >= 0 && strings.Count(v[at:], ".") >= tokenDots {
		return "a token, or what holds one"
	}
	if len(v) > mostSpoken {
		return v[:mostSpoken] + "…"
	}
	return v
}

// spoken puts a text that a client sent into quotes.
func spoken(v string) string { return strconv.Quote(short(v)) }

func spokenList(elements []any) string {
	if len(elements) == 0 {
		return "an empty list"
	}
	out := append(make([]byte, 0, mostSpoken), '[')
	for i, element := range elements {
		if i > 0 {
			out = append(out, ", "...)
		}
		if len(out) > mostSpoken {
			out = append(out, "…"...)
			break
		}
		if text, ok := element.(string); ok {
			out = strconv.AppendQuote(out, short(text))
		} else {
			out = append(out, kindOf(element)...)
		}
	}
	return string(append(out, ']'))
}

// kindOf says which kind of value one is that is no text.
func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return "a text"
	case bool:
		return "a boolean"
	case float64, json.Number:
		return "a number"
	case []any:
		return "a list"
	case traffic.Unknown:
		return "not known"
	default:
		return "an object"
	}
}
