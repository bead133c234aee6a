package token

import (
	"math/bits"
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

// character goes over one character: Envoy looks at how many bytes the first announces, no more.
func (r *reader) character() bool {
	more := bits.LeadingZeros8(^r.text[r.at])
	r.at++
	switch more {
	case 0:
		return true
	case 2, 3, 4:
	default:
		return false
	}
	for range more - 1 {
		if r.at == len(r.text) || r.text[r.at]>>6 != 2 {
			return false
		}
		r.at++
	}
	return true
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
	if !strings.HasPrefix(r.text[r.at:], `\u`) {
		return "", false
	}
	r.at += 2
	second, good := r.unit()
	// Envoy's reader takes the last character of all for one too many.
	whole := utf16.DecodeRune(first, second)
	return string(whole), good && whole != utf8.RuneError && whole != utf8.MaxRune
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
