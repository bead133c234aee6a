package source

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/portreeve/portreeve/translate/diag"
)

// Parse splits files into documents and parses each by itself, so that one broken document
// does not hide the findings of another. The items of a Kubernetes List become documents
// of their own. Documents come in the order of the files and of the text.
//
// Findings are errors of syntax, a key that stands twice in one mapping, and a file without
// any document. Every one of them reaches every gateway, because nobody knows what a text
// that cannot be read would have said.
func Parse(files []File) ([]Document, diag.List) {
	var documents []Document
	var diags diag.List
	for _, f := range files {
		found, ds := parseFile(f)
		documents = append(documents, found...)
		diags = append(diags, ds...)
	}
	return documents, diags
}

// maxDocuments bounds the documents of a file, and with them what one small file can take of
// memory: 20,000 policies are twice those of a large installation.
const maxDocuments = 20_000

// maxErrors bounds the findings about the text of a file.
const maxErrors = 1000

// maxValues bounds the values in a file. A value of two bytes takes a hundred times that once it
// is parsed; a policy has one in some ten bytes, so that a file of policies as large as is read by
// default has fewer than these.
const maxValues = 1_500_000

// values returns at least the number of values that a text can have: behind each there is a
// comma, a colon or the end of a line, or it opens a list or a mapping.
func values(content []byte) int {
	n := 1
	for _, mark := range []string{",", ":", "\n", "[", "{"} {
		n += bytes.Count(content, []byte(mark))
	}
	return n
}

func parseFile(f File) ([]Document, diag.List) {
	content := bytes.TrimPrefix(f.Content, []byte("\xef\xbb\xbf"))
	if d, ok := notText(f.Path, content); ok {
		return nil, diag.List{d}
	}
	if values(content) > maxValues {
		return nil, diag.List{diag.New(diag.CodeLimit, diag.Position{File: f.Path, Line: 1}, "the file may hold more than %d values", maxValues).
			WithHint("split it into several files")}
	}
	var documents []Document
	var diags diag.List
	parts := split(string(content))
	if len(parts) > maxDocuments {
		return nil, diag.List{diag.New(diag.CodeLimit, diag.Position{File: f.Path, Line: parts[maxDocuments].offset + 1}, "the file has more than %d documents", maxDocuments).
			WithHint("split it into several files")}
	}
	for _, p := range parts {
		if len(diags) > maxErrors {
			return documents, append(diags, diag.New(diag.CodeLimit, diag.Position{File: f.Path, Line: p.offset + 1}, "the file has more than %d errors; it is not read any further", maxErrors).
				WithHint("mend the errors before it, or move the file elsewhere"))
		}
		d, found := p.parse(f.Path)
		diags = append(diags, found...)
		if d == nil {
			continue
		}
		expanded, found := expand(*d)
		documents = append(documents, expanded...)
		diags = append(diags, found...)
	}
	if len(documents) == 0 && len(diags) == 0 {
		diags = append(diags, diag.New(diag.CodeEmptyFile, diag.Position{File: f.Path, Line: 1, Column: 1}, "the file holds no document").
			WithHint("to remove a policy, delete the file, or the document from a file that keeps others"))
	}
	return documents, diags
}

// notText refuses what is not UTF-8, at the first bad byte. It also keeps such bytes out of
// the messages that are rendered, which could not be marshaled.
func notText(file string, content []byte) (diag.Diagnostic, bool) {
	bad := bytes.IndexByte(content, 0)
	if bad < 0 && utf8.Valid(content) {
		return diag.Diagnostic{}, false
	}
	what := "a NUL byte"
	if bad < 0 {
		what = "a byte that is not UTF-8"
		for rest := content; ; rest = content[bad:] {
			r, size := utf8.DecodeRune(rest)
			if r == utf8.RuneError && size <= 1 {
				break
			}
			bad = max(bad, 0) + size
		}
		bad = max(bad, 0)
	}
	line := bytes.Count(content[:bad], []byte("\n")) + 1
	column := utf8.RuneCount(content[bytes.LastIndexByte(content[:bad], '\n')+1:bad]) + 1
	d := diag.New(diag.CodeEncoding, diag.Position{File: file, Line: line, Column: column}, "the file holds %s", what).
		WithHint("save it as UTF-8 text")
	return d, true
}

// part is the text of one document.
type part struct {
	// offset is the number of lines of the file before the text.
	offset, lines int
	text          string
}

// split cuts a file at its document markers, which YAML knows only at the start of a line,
// and there even inside a quoted or block text. A "---" line begins its part, so that what
// follows it on the line stays where it stands; a "..." line ends its part.
func split(content string) []part {
	var parts []part
	begin, first := 0, 0
	cut := func(end, line int) {
		if text := content[begin:end]; strings.TrimSpace(text) != "" {
			parts = append(parts, part{offset: first, lines: line - first, text: text})
		}
		begin, first = end, line
	}
	line := 0
	for at := 0; at < len(content); line++ {
		next := len(content)
		if i := strings.IndexByte(content[at:], '\n'); i >= 0 {
			next = at + i + 1
		}
		switch text := content[at:next]; {
		case marker(text, "---"):
			// Directives (%YAML 1.2) change nothing here, and the parser knows only those of 1.1.
			if preamble(content[begin:at]) {
				begin, first = at, line
			}
			cut(at, line)
		case marker(text, "..."):
			cut(next, line+1)
		}
		at = next
	}
	cut(len(content), line)
	return parts
}

// marker reports whether a line is a document marker.
func marker(line, mark string) bool {
	rest, ok := strings.CutPrefix(line, mark)
	return ok && (rest == "" || strings.ContainsRune(" \t\r\n", rune(rest[0])))
}

// preamble reports whether a text is only directives (%YAML 1.2), comments and blank
// lines, with a directive among them.
func preamble(text string) bool {
	directive := false
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "%"):
			directive = true
		case strings.TrimSpace(line) == "" || strings.HasPrefix(strings.TrimSpace(line), "#"):
		default:
			return false
		}
	}
	return directive
}

// parse returns the document, or nil for one without content or with errors.
func (p part) parse(file string) (*Document, diag.List) {
	decoder := yaml.NewDecoder(strings.NewReader(p.text))
	var document, second yaml.Node
	err := decoder.Decode(&document)
	if errors.Is(err, io.EOF) || err == nil && empty(&document) {
		return nil, nil
	}
	if err == nil {
		// The parser breaks lines at more characters than "\n". A document that begins
		// behind one of those would be dropped without a word.
		if e := decoder.Decode(&second); e == nil {
			return nil, diag.List{diag.New(diag.CodeYAML, diag.Position{File: file, Line: p.offset + second.Line, Column: 1},
				"another document begins here, but not at the start of a line").WithHint("end every line with a line feed")}
		} else if !errors.Is(e, io.EOF) {
			err = e
		}
	}
	if err != nil {
		return nil, diag.List{p.syntaxError(file, err)}
	}
	t := tree{document: Document{File: file, Offset: p.offset, Lines: p.lines}}
	t.document.Root = t.checked(document.Content[0])
	if len(t.diags) > 0 {
		return nil, t.diags
	}
	t.document.shared = t.aliased > 0
	return &t.document, nil
}

// empty reports whether a document has no content at all, which "null" or "~" would be.
func empty(document *yaml.Node) bool {
	if len(document.Content) == 0 {
		return true
	}
	n := document.Content[0]
	return n.Kind == yaml.ScalarNode && n.Value == "" && n.Tag == "!!null"
}
