package diag

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Sources returns the content of a file that findings stand in, or nil where there is none.
type Sources func(file string) []byte

// Ink is what a piece of a finding is, for those who show it in colour.
type Ink string

// The inks: the severities, the code, and the caret under the place.
const (
	InkError   Ink = "error"
	InkWarning Ink = "warning"
	InkCode    Ink = "code"
	InkCaret   Ink = "caret"
)

// ink returns the ink of a severity.
func (s Severity) ink() Ink {
	if s == Warning {
		return InkWarning
	}
	return InkError
}

// Paint shows a piece of text in an ink. Plain shows it as it is.
type Paint func(Ink, string) string

// Plain is the paint without colour.
func Plain(_ Ink, text string) string { return text }

// WriteText writes the findings for a person, without colour. See WritePainted.
func (l List) WriteText(w io.Writer, sources Sources) error { return l.WritePainted(w, sources, Plain) }

// WritePainted writes the findings for a person: the line file:line:col: severity CODE:
// message, then the line of the file with a caret under the place, then the object and the
// hint. Sources may be nil; the file's line is left out where it is not known, and where the
// file holds a Secret, or a private or symmetric key. Findings
// come in the order of the list.
func (l List) WritePainted(w io.Writer, sources Sources, paint Paint) error {
	lines := index{sources: sources, files: map[string][][]byte{}}
	for _, d := range l {
		if _, err := io.WriteString(w, d.text(lines, paint)); err != nil {
			return fmt.Errorf("write finding: %w", err)
		}
	}
	return nil
}

// Painted returns the one-line form, as String does, in colour.
func (d Diagnostic) Painted(paint Paint) string { return d.line(paint) + d.wayOut() }

// line returns file:line:col: severity CODE: message.
func (d Diagnostic) line(paint Paint) string {
	return fmt.Sprintf("%s: %s %s: %s", d.Pos, paint(d.Severity.ink(), d.Severity.String()), paint(InkCode, string(d.Code)), d.Message)
}

// wayOut returns the hint as the one-line form has it.
func (d Diagnostic) wayOut() string {
	if d.Hint == "" {
		return ""
	}
	return " (" + d.Hint + ")"
}

// text returns the finding with its excerpt.
func (d Diagnostic) text(lines index, paint Paint) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", d.line(paint))
	if line, ok := lines.line(d.Pos); ok {
		excerpt(&b, d.Pos, line, paint)
	}
	if d.Object != "" {
		about := d.Object
		if d.Field != "" {
			about += ", " + d.Field
		}
		fmt.Fprintf(&b, "  in %s\n", about)
	}
	if d.Hint != "" {
		fmt.Fprintf(&b, "  hint: %s\n", d.Hint)
	}
	return b.String()
}

// maxExcerpt bounds the characters of a line that are shown: key sets come in one line.
const maxExcerpt = 120

// excerpt writes the line and, below it, a caret under the column.
func excerpt(b *strings.Builder, pos Position, line []byte, paint Paint) {
	text := []rune(printable(line))
	at := min(max(pos.Column-1, 0), len(text))
	from, cut := 0, ""
	if at > maxExcerpt*2/3 {
		from, cut = at-maxExcerpt/3, "…"
	}
	to, rest := len(text), ""
	if to > from+maxExcerpt {
		to, rest = from+maxExcerpt, "…"
	}
	gutter := fmt.Sprintf("%5d | ", pos.Line)
	fmt.Fprintf(b, "%s%s%s%s\n", gutter, cut, string(text[from:to]), rest)
	if pos.Column > 0 {
		pad := strings.Repeat(" ", len(cut)/len("…")+columns(text[from:at]))
		fmt.Fprintf(b, "%s| %s%s\n", strings.Repeat(" ", len(gutter)-2), pad, paint(InkCaret, "^"))
	}
}

// printable replaces what would move the caret or control the terminal, rune by rune, so
// that columns stay.
func printable(line []byte) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == utf8.RuneError {
			return ' '
		}
		return r
	}, string(line))
}

// columns returns how many columns of a terminal the text takes: East Asian wide
// characters take two.
func columns(text []rune) int {
	n := len(text)
	for _, r := range text {
		if unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul) || '！' <= r && r <= '｠' {
			n++
		}
	}
	return n
}

// index splits every file into lines once.
type index struct {
	sources Sources
	files   map[string][][]byte
}

func (i index) line(pos Position) ([]byte, bool) {
	if i.sources == nil || pos.Line == 0 {
		return nil, false
	}
	lines, ok := i.files[pos.File]
	if !ok {
		content := i.sources(pos.File)
		if holdsSecret(content) {
			content = nil // none of its lines is shown, since one could be the key
		}
		lines = bytes.Split(bytes.TrimPrefix(content, []byte("\xef\xbb\xbf")), []byte("\n"))
		i.files[pos.File] = lines
	}
	if pos.Line > len(lines) || len(lines) == 1 && len(lines[0]) == 0 {
		return nil, false
	}
	return lines[pos.Line-1], true
}
