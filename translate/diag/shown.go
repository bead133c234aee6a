package diag

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Shown returns a text as a line of output may hold it. What a file or its name says comes from whoever wrote it, and may be
// meant for the terminal, or for the runner of a workflow, of the one who reads. Everything that is not seen is written as in
// Go (\n, \x1b, \u202e), and of two # the second: a runner takes ##[…] for a command wherever it stands.
func Shown(text string) string {
	if !strings.Contains(text, "##") && !strings.ContainsFunc(text, unseen) {
		return text
	}
	var b strings.Builder
	before := ' '
	for i, r := range text {
		switch {
		case r == utf8.RuneError:
			b.WriteString(invalid(text[i:]))
		case unseen(r):
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		case r == '#' && before == '#':
			b.WriteString(`\x23`)
		default:
			b.WriteRune(r)
		}
		before = r
	}
	return b.String()
}

// invalid writes the byte that is no UTF-8, or the sign that stands for one.
func invalid(text string) string {
	if _, size := utf8.DecodeRuneInString(text); size == 1 {
		return strings.Trim(strconv.Quote(text[:1]), `"`)
	}
	return string(utf8.RuneError)
}

// unseen reports what moves the caret, or turns around what stands beside it, or ends a line.
func unseen(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) || r == utf8.RuneError
}
