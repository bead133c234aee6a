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

// WriteText writes the findings for a person: the line file:line:col: severity CODE:
// message, then the line of the file with a caret under the place, then the object and the
// hint. Sources may be nil; the file's line is left out where it is not known, and where the
// file holds a Secret, or a private or symmetric key. Findings
// come in the order of the list.
func (l List) WriteText(w io.Writer, sources Sources) error {
	lines := index{sources: sources, files: map[string][][]byte{}}
	for _, d := range l {
		if _, err := io.WriteString(w, d.text(lines)); err != nil {
			return fmt.Errorf("write finding: %w", err)
		}
	}
	return nil
}

// text returns the finding with its excerpt.
func (d Diagnostic) text(lines index) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s %s: %s\n", d.Pos, d.Severity, d.Code, d.Message)
	if line, ok := lines.line(d.Pos); ok {
		excerpt(&b, d.Pos, line)
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
func excerpt(b *strings.Builder, pos Position, line []byte) {
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
		fmt.Fprintf(b, "%s| %s^\n", strings.Repeat(" ", len(gutter)-2), pad)
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
