package diag

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Shown returns a text in one line, as output may hold it. What a file or its name says comes from whoever wrote it, and may be
// meant for the terminal, or for the runner of a workflow, of the one who reads. What would control a terminal or change the
// order in which characters are shown is written as in Go (\n, \x1b, \u202e), and so is the second of two #: a runner
// takes ##[…] for a command wherever it stands.
func Shown(text string) string {
	if utf8.ValidString(text) && !strings.Contains(text, "##") && !strings.ContainsFunc(text, unseen) {
		return text
	}
	var out strings.Builder
	before := ' '
	for i, r := range text {
		switch _, size := utf8.DecodeRuneInString(text[i:]); {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&out, `\x%02x`, text[i])
		case unseen(r):
			out.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		case r == '#' && before == '#':
			out.WriteString(`\x23`)
		default:
			out.WriteRune(r)
		}
		before = r
	}
	return out.String()
}

func unseen(r rune) bool { return !unicode.IsGraphic(r) }
