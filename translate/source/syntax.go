package source

import (
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/portreeve/portreeve/translate/diag"
)

// maxSearch bounds the number of lines that are tried to find the one with a syntax error,
// and maxSearched the bytes that are parsed for that.
const (
	maxSearch   = 50
	maxSearched = 4 << 20
)

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// syntaxError turns the parser's message into a finding with plain words.
func (p part) syntaxError(file string, err error) diag.Diagnostic {
	message := err.Error()
	reported := 1
	if m := yamlLine.FindStringSubmatch(message); m != nil {
		message = message[len(m[0]):]
		if n, e := strconv.Atoi(m[1]); e == nil {
			reported = n
		}
	}
	lines := strings.Split(p.text, "\n")
	line := p.errorLine(lines, min(max(reported, 1), len(lines)), message)
	text := strings.TrimRight(lines[line-1], "\r")
	words, hint := plain(message, text)
	pos := diag.Position{File: file, Line: p.offset + line, Column: errorColumn(message, text)}
	return diag.New(diag.CodeYAML, pos, "%s", words).WithHint("%s", hint)
}

// errorLine returns the line that broke the text. The parser's own number is often that of
// where the enclosing block begins, so the longest run of whole lines that still parses is
// looked for: the line after it is the culprit. The search begins where the parser had
// read to, and is bounded; beyond the bound the parser's number stands.
func (p part) errorLine(lines []string, reported int, message string) int {
	read := &counter{text: p.text}
	var n yaml.Node
	_ = yaml.NewDecoder(read).Decode(&n)
	last := min(strings.Count(p.text[:read.at], "\n")+1, len(lines))
	if strings.Contains(message, "escape c") {
		for ; last > 1 && !strings.Contains(lines[last-1], "\\"); last-- {
			// The parser reads a few characters ahead.
		}
		return last
	}
	tries := min(maxSearch, maxSearched/len(p.text))
	if last-reported > tries {
		return reported
	}
	for end := last; end > max(0, last-tries); end-- {
		if err := yaml.Unmarshal([]byte(strings.Join(lines[:end-1], "\n")), &n); err == nil {
			return end
		}
	}
	return reported
}

// counter hands out its text in small pieces, so that it shows how far a reader came.
type counter struct {
	text string
	at   int
}

func (c *counter) Read(b []byte) (int, error) {
	if c.at >= len(c.text) {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), 1)], c.text[c.at:])
	c.at += n
	return n, nil
}

// errorColumn returns the column of the character that the message is about, or of the
// line's first character.
func errorColumn(message, line string) int {
	at := len(line) - len(strings.TrimLeft(line, " \t"))
	switch {
	case strings.Contains(message, "mapping values are not allowed"):
		at = max(at, strings.LastIndex(line, ":"))
	case strings.Contains(message, "cannot start any token") && strings.Contains(line, "\t"):
		at = strings.Index(line, "\t")
	case strings.Contains(message, "cannot start any token"):
		at = max(at, strings.IndexAny(line, "@`%"))
	case strings.Contains(message, "control characters"):
		at = max(0, strings.IndexFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }))
	case strings.Contains(message, "node content"):
		at = max(at, strings.IndexAny(line, "]}"))
	case strings.Contains(message, "unknown anchor"), strings.Contains(message, "alphabetic or numeric"):
		at = max(at, strings.IndexAny(line, "*&"))
	case strings.Contains(message, "escape c"):
		at = max(at, strings.Index(line, "\\"))
	}
	return utf8.RuneCountInString(line[:at]) + 1
}

// plain puts the parser's message into words that name a way out.
func plain(message, line string) (words, hint string) {
	indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
	for _, known := range []struct{ part, words, hint string }{
		{"unknown anchor", "an alias (*name) for which there is no anchor (&name)", "a text that begins with * needs quotes, as in \"*\""},
		{"did not find expected alphabetic or numeric character", "a * or & without a name behind it", "a text that begins with * or & needs quotes, as in \"*\""},
		{"mapping values are not allowed", "a \": \" where no key can be", "put a text that holds \": \" into quotes, or begin a new line"},
		{"did not find expected key", "this line does not fit the lines above it", "indent it like its neighbours; a text that begins with a quote must end with one"},
		{"did not find expected '-' indicator", "this line does not fit the list above it", "indent it like the other items, with \"- \""},
		{"did not find expected ',' or", "a list or mapping in brackets is not closed", "add the missing , ] or }; a text that has one of [ ] { } , in it needs quotes there"},
		{"did not find expected node content", "a value is missing, or a bracket is not closed or not opened", "check the brackets of this line and the next ones"},
		{"could not find expected ':'", "this line has no \": \"", "write key: value, or indent a continued text"},
		{"unexpected end of stream", "a quoted text is not closed", "add the missing quote"},
		{"block sequence entries are not allowed", "a list cannot begin here", "begin the list on its own line"},
		{"found unexpected ':'", "a \":\" that is not expected here", "put the text into quotes"},
		{"Unicode character escape", "an escape that stands for no character by itself", "write the character instead of its escape"},
		{"unknown escape character", "an escape that YAML does not know in a text in double quotes", "use single quotes, or write the backslash twice"},
		{"control characters", "a control character", "remove it"},
	} {
		if strings.Contains(message, known.part) {
			if strings.Contains(indent, "\t") {
				break
			}
			return known.words, known.hint
		}
	}
	switch {
	case strings.Contains(indent, "\t"):
		return "a tab in the indentation", "indent with spaces"
	case strings.Contains(message, "cannot start any token"):
		return "a character that no plain text can begin with", "put the text into quotes"
	}
	return "the text is not YAML: " + message, "check the quotes, brackets and the indentation around this line"
}
