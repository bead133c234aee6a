package source

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/portreeve/portreeve/translate/diag"
)

// Directive is a comment that says something to this program: # portreeve:WORD and what follows.
type Directive struct {
	Position diag.Position
	// Text is what stands behind "portreeve:", up to the end of the line.
	Text string
	// From and To are the lines that it is about: its own, where something stands before it; the next one that
	// is no comment, where nothing does; all of the document, where it stands above what the document holds.
	// Both are zero where it is about nothing.
	From, To int
}

// MaxDirectives bounds the directives of a file; what stands behind them is a comment like any other.
const MaxDirectives = 1000

// name is what a directive begins with. In a text that is looked at a mark of the same length takes its place.
const name = "portreeve"

// mayBeDirective finds what is a directive where it stands in a comment; within quotes and block texts it
// is none, which only the parser knows.
var mayBeDirective = regexp.MustCompile(`(?m)(?:^|[ \t\r])(#[ \t]*` + name + `):[A-Za-z]`)

// Directives returns the directives of a file in the order of the text, and whether there are more than
// MaxDirectives. A document that cannot be read has none: nobody knows what is a comment in it.
func Directives(f File) (found []Directive, more bool) {
	content := bytes.TrimPrefix(f.Content, []byte("\xef\xbb\xbf"))
	if !bytes.Contains(content, []byte(name+":")) || !utf8.Valid(content) || values(content) > maxValues {
		return nil, false
	}
	parts := split(string(content))
	if len(parts) > maxDocuments {
		return nil, false
	}
	begin := 0 // of those that stand above the next document
	for _, p := range parts {
		these, content := p.directives(f.Path)
		found = append(found, these...)
		if more = len(found) > MaxDirectives; more {
			found = found[:MaxDirectives]
			break
		}
		if content {
			for i := begin; i < len(found); i++ {
				found[i].within(p)
			}
			begin = len(found)
		}
	}
	odd := oddBreaks(content)
	for i := range found {
		// With odd breaks lines cannot be told from each other: a finding could be taken for that of another line.
		if odd || found[i].From < 0 {
			found[i].From, found[i].To = 0, 0
		}
	}
	return found, more
}

// within makes a directive that stands above all content, in its part or in one before it, one about the whole document.
func (d *Directive) within(p part) {
	if d.From < 0 {
		d.From, d.To = p.offset+1, p.offset+p.lines
	}
}

// oddBreaks reports whether a text has line breaks that the parser counts and an editor does not.
func oddBreaks(content []byte) bool {
	text := bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n"))
	return bytes.ContainsAny(text, "\r\u0085\u2028\u2029")
}

// directives returns those of a part, and whether the part has content. One above the content has a negative From.
// Each is marked in the text by a word of its own: where the mark turns up in a value, it stood in no comment.
func (p part) directives(file string) ([]Directive, bool) {
	places := mayBeDirective.FindAllStringSubmatchIndex(p.text, -1)
	if len(places) == 0 {
		return nil, !bare(p.text)
	}
	var marked strings.Builder
	at := 0
	for i, m := range places {
		marked.WriteString(p.text[at : m[3]-len(name)])
		marked.WriteString(mark(i))
		at = m[3]
	}
	marked.WriteString(p.text[at:])
	d, found := part{p.offset, p.lines, marked.String()}.parse(file)
	if len(found) > 0 {
		return nil, true
	}
	first, quoted := p.lines+1, map[int]bool{}
	if d != nil {
		first = d.Root.Line
		marksIn(d.Root, len(places), quoted)
	}
	var out []Directive
	ended := 0 // where the last comment ends
	for i, m := range places {
		if !quoted[i] && m[2] >= ended {
			out = append(out, p.directive(file, m[2], m[3]+1, first))
			ended = lineEnd(p.text, m[3])
		}
	}
	return out, d != nil
}

// bare reports whether a text has nothing but comments, blank lines and document markers.
func bare(text string) bool {
	for line := range strings.Lines(text) {
		rest := strings.TrimSpace(line)
		if marker(line, "---") || marker(line, "...") {
			rest = strings.TrimSpace(line[len("---"):])
		}
		if rest != "" && !strings.HasPrefix(rest, "#") {
			return false
		}
	}
	return true
}

// directive returns the one at a place whose text begins at another; first is the first line with content, counted in
// the part.
func (p part) directive(file string, at, text, first int) Directive {
	line := strings.Count(p.text[:at], "\n") + 1
	begin := p.text[strings.LastIndexByte(p.text[:at], '\n')+1 : at]
	end := lineEnd(p.text, at)
	out := Directive{
		Position: diag.Position{File: file, Line: p.offset + line, Column: utf8.RuneCountInString(begin) + 1},
		Text:     strings.TrimSpace(p.text[text:end]),
	}
	switch {
	case line < first:
		out.From = -1
	case strings.TrimSpace(begin) != "":
		out.From = out.Position.Line
	default:
		out.From = out.Position.Line + 1 + comments(p.text[min(end+1, len(p.text)):])
	}
	out.To = out.From
	return out
}

// lineEnd returns where the line of a place ends.
func lineEnd(text string, at int) int {
	if i := strings.IndexByte(text[at:], '\n'); i >= 0 {
		return at + i
	}
	return len(text)
}

// comments counts the lines with nothing but a comment that a text begins with.
func comments(text string) int {
	n := 0
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(strings.TrimSpace(line), "#") {
			break
		}
		n++
	}
	return n
}

// mark is the word that stands for the name in a text that is looked at, of the same length.
func mark(i int) string { return fmt.Sprintf("p%0*d", len(name)-1, i) }

// marks finds the marks in a value.
var marks = regexp.MustCompile(`p[0-9]{8}:`)

// marksIn notes the marks that are in values below a node.
func marksIn(n *yaml.Node, most int, found map[int]bool) {
	for _, m := range marks.FindAllString(n.Value, -1) {
		if i, err := strconv.Atoi(m[1 : len(m)-1]); err == nil && i < most {
			found[i] = true
		}
	}
	for _, c := range n.Content {
		marksIn(c, most, found)
	}
}
