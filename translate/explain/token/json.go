package token

import (
	"strconv"
	"strings"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// maxNesting is how deep Envoy's reader of JSON goes.
const maxNesting = 100

// reader reads JSON as Envoy's library does: names may stand in single quotes or in none, a comma
// may stand before the end of a list or an object, and no name twice.
type reader struct {
	text  string
	at    int
	depth int
}

// readObject reads an object, which `null` is an empty one of.
func readObject(text string) (traffic.Object, bool) {
	r := &reader{text: text}
	out, good := traffic.Object{Fields: map[string]any{}}, false
	if r.next() == 'n' {
		good = r.take("null")
	} else {
		out, good = r.object()
	}
	return out, good && r.next() == 0 && r.at == len(text)
}

// next skips white space and returns the byte behind it, 0 at the end.
func (r *reader) next() byte {
	for r.at < len(r.text) && strings.IndexByte(" \t\n\r", r.text[r.at]) >= 0 {
		r.at++
	}
	if r.at == len(r.text) {
		return 0
	}
	return r.text[r.at]
}

// take skips white space and then a word, if that comes next.
func (r *reader) take(word string) bool {
	r.next()
	if !strings.HasPrefix(r.text[r.at:], word) {
		return false
	}
	r.at += len(word)
	return true
}

func (r *reader) value() (any, bool) {
	switch c := r.next(); {
	case c == '{':
		return r.object()
	case c == '[':
		return r.list()
	case c == '"' || c == '\'':
		return r.quoted()
	case c == '-' || isDigit(c):
		return r.number()
	case c == 't':
		return true, r.take("true")
	case c == 'f':
		return false, r.take("false")
	case c == 'n':
		return nil, r.take("null")
	default:
		return nil, false
	}
}

func (r *reader) object() (traffic.Object, bool) {
	out := traffic.Object{Fields: map[string]any{}}
	good := r.members("{", "}", func() bool {
		name, good := r.name()
		if _, twice := out.Fields[name]; !good || twice || !r.take(":") {
			return false
		}
		value, good := r.value()
		out.Fields[name] = value
		return good
	})
	return out, good
}

func (r *reader) list() (any, bool) {
	out := []any{}
	good := r.members("[", "]", func() bool {
		value, good := r.value()
		out = append(out, value)
		return good
	})
	return out, good
}

// members reads what stands between two brackets, with a comma behind each but, if it likes, the last.
func (r *reader) members(from, to string, member func() bool) bool {
	if !r.take(from) || r.depth == maxNesting {
		return false
	}
	r.depth++
	defer func() { r.depth-- }()
	for comma := true; !r.take(to); comma = r.take(",") {
		if !comma || !member() {
			return false
		}
	}
	return true
}

func (r *reader) name() (string, bool) {
	if c := r.next(); c == '"' || c == '\'' {
		return r.quoted()
	}
	from := r.at
	for r.at < len(r.text) && isWord(r.text[r.at]) {
		r.at++
	}
	switch word := r.text[from:r.at]; {
	case word == "" || isDigit(word[0]) || word == "null" || word == "true" || word == "false":
		return "", false
	default:
		return word, true
	}
}

// number reads a number, behind which a list, an object or a member of them must end.
func (r *reader) number() (any, bool) {
	from := r.at
	for r.at < len(r.text) && strings.IndexByte("0123456789+-.eE", r.text[r.at]) >= 0 {
		r.at++
	}
	text := r.text[from:r.at]
	whole := strings.TrimPrefix(text, "-")
	if whole == "" || !isDigit(whole[0]) || !isDigit(whole[len(whole)-1]) || len(whole) > 1 && whole[0] == '0' && isDigit(whole[1]) {
		return nil, false
	}
	if dot := strings.IndexByte(whole, '.'); dot >= 0 && !isDigit(whole[dot+1]) {
		return nil, false
	}
	value, err := strconv.ParseFloat(text, 64)
	return value, err == nil && strings.IndexByte(",]}", r.next()) >= 0
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isWord(c byte) bool {
	return c == '_' || isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'z'
}
