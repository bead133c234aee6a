package token

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// quoted reads a string, in double or in single quotes.
func (r *reader) quoted() (string, bool) {
	quote := r.next()
	r.at++
	from := r.at
	for r.at < len(r.text) && r.text[r.at] != '\\' {
		if r.text[r.at] == quote {
			r.at++
			return r.text[from : r.at-1], true
		}
		if !r.character() {
			return "", false
		}
	}
	return r.escaped(quote, r.text[from:r.at])
}

// escaped reads the rest of a string of which an escape comes next.
func (r *reader) escaped(quote byte, begun string) (string, bool) {
	var out strings.Builder
	out.WriteString(begun)
	for r.at < len(r.text) {
		from := r.at
		switch r.text[r.at] {
		case quote:
			r.at++
			return out.String(), true
		case '\\':
			r.at++
			read, good := r.escape()
			if !good {
				return "", false
			}
			out.WriteString(read)
		default:
			if !r.character() {
				return "", false
			}
			out.WriteString(r.text[from:r.at])
		}
	}
	return "", false
}

// character goes over one character, which must be UTF-8; any that is may stand in a string.
func (r *reader) character() bool {
	read, size := utf8.DecodeRuneInString(r.text[r.at:])
	r.at += size
	return read != utf8.RuneError || size > 1
}

// escape reads what stands behind a backslash.
func (r *reader) escape() (string, bool) {
	if r.at == len(r.text) {
		return "", false
	}
	c := r.text[r.at]
	r.at++
	if c == 'u' || c == 'U' {
		return r.unicode()
	}
	const names, stand = `"\/bfnrt'`, "\"\\/\b\f\n\r\t'"
	i := strings.IndexByte(names, c)
	if i < 0 {
		return "", false
	}
	return stand[i : i+1], true
}

func (r *reader) unicode() (string, bool) {
	first, good := r.unit()
	if !good || !utf16.IsSurrogate(first) {
		return string(first), good
	}
	// White space may stand between the two.
	if !r.take(`\u`) {
		return "", false
	}
	second, good := r.unit()
	whole := utf16.DecodeRune(first, second)
	return string(whole), good && whole != utf8.RuneError
}

// unit reads four hexadecimal digits.
func (r *reader) unit() (rune, bool) {
	if r.at+4 > len(r.text) {
		return 0, false
	}
	value, err := strconv.ParseUint(r.text[r.at:r.at+4], 16, 16)
	r.at += 4
	return rune(value), err == nil
}
