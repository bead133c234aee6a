package source

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/portreeve/portreeve/internal/diag"
)

// Parse splits files into documents and parses each by itself, so that one broken document
// does not hide the findings of another. Every finding reaches every gateway: what a text
// that cannot be read would have said is unknown.
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

func parseFile(f File) ([]Document, diag.List) {
	content := bytes.TrimPrefix(f.Content, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(content) || bytes.IndexByte(content, 0) >= 0 {
		return nil, diag.List{diag.New(diag.CodeYAML, diag.Position{File: f.Path}, "the file is not UTF-8 text")}
	}
	var documents []Document
	var diags diag.List
	for _, p := range split(string(content)) {
		d, found := p.parse(f.Path)
		diags = append(diags, found...)
		if d != nil {
			documents = append(documents, expandList(*d)...)
		}
	}
	if len(documents) == 0 && len(diags) == 0 {
		diags = append(diags, diag.New(diag.CodeEmptyFile, diag.Position{File: f.Path, Line: 1, Column: 1}, "the file holds no document").
			WithHint("to remove a policy, delete the file or the document; an emptied file keeps the last good policy"))
	}
	return documents, diags
}

// part is the text of one document.
type part struct {
	offset int
	text   string
}

// split cuts a file at its document markers, which YAML knows only at the start of a line.
func split(content string) []part {
	var parts []part
	current := part{}
	var lines []string
	flush := func(next int) {
		current.text = strings.Join(lines, "\n")
		parts = append(parts, current)
		current, lines = part{offset: next}, nil
	}
	for i, line := range strings.Split(content, "\n") {
		bare := strings.TrimRight(line, " \t\r")
		if bare == "---" || bare == "..." || strings.HasPrefix(line, "--- #") {
			flush(i + 1)
			continue
		}
		if rest, ok := strings.CutPrefix(line, "--- "); ok {
			flush(i)
			line = "    " + rest
		}
		lines = append(lines, line)
	}
	flush(0)
	return parts
}

// parse returns the document, or nil for one without content.
func (p part) parse(file string) (*Document, diag.List) {
	var root yaml.Node
	if err := yaml.Unmarshal([]byte(p.text), &root); err != nil {
		return nil, diag.List{p.syntaxError(file, err)}
	}
	if len(root.Content) == 0 || root.Content[0].Tag == "!!null" {
		return nil, nil
	}
	d := Document{File: file, Offset: p.offset, Lines: strings.Count(p.text, "\n") + 1, Root: root.Content[0]}
	if diags := d.checkTree(d.Root); len(diags) > 0 {
		return nil, diags
	}
	return &d, nil
}

// fromParser tells the parser's messages from the scanner's, which the library counts differently.
var fromParser = regexp.MustCompile(`^did not find expected (<document start>|node content|'-' indicator|key|',' or)`)

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// syntaxError turns the parser's message into a finding. The parser tells the line; the
// column is that of the line's first character.
func (p part) syntaxError(file string, err error) diag.Diagnostic {
	message := err.Error()
	line := 1
	if m := yamlLine.FindStringSubmatch(message); m != nil {
		message = message[len(m[0]):]
		if n, e := strconv.Atoi(m[1]); e == nil {
			line = n
		}
		if fromParser.MatchString(message) {
			line++ // the library counts these lines from 0
		}
	}
	column := 1
	if lines := strings.Split(p.text, "\n"); line <= len(lines) {
		text := lines[line-1]
		column = len(text) - len(strings.TrimLeft(text, " ")) + 1
	}
	return diag.New(diag.CodeYAML, diag.Position{File: file, Line: p.offset + line, Column: column}, "not YAML: %s", message)
}

// checkTree refuses what YAML allows and a policy must not have: a key that stands twice,
// of which a reader would see only one, and aliases, which can grow without bound.
func (d Document) checkTree(n *yaml.Node) diag.List {
	var diags diag.List
	switch n.Kind {
	case yaml.AliasNode:
		return diag.List{diag.New(diag.CodeYAML, d.Position(n), "YAML aliases are not supported").WithHint("write the value out")}
	case yaml.MappingNode:
		first := map[string]*yaml.Node{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if key.Kind != yaml.ScalarNode || key.Tag == "!!merge" {
				diags = append(diags, diag.New(diag.CodeYAML, d.Position(key), "a key must be plain text"))
				continue
			}
			if before, ok := first[key.Value]; ok {
				diags = append(diags, diag.New(diag.CodeDuplicateKey, d.Position(key), "the key %q stands here again; it is on line %d already", key.Value, d.Offset+before.Line).
					WithHint("keep one of them"))
			}
			first[key.Value] = key
		}
	}
	for _, child := range n.Content {
		diags = append(diags, d.checkTree(child)...)
	}
	return diags
}

// expandList makes the items of a v1 List documents of their own.
func expandList(d Document) []Document {
	if value(d.Root, "kind") != "List" || value(d.Root, "apiVersion") != "v1" {
		return []Document{d}
	}
	var out []Document
	for i := 0; i+1 < len(d.Root.Content); i += 2 {
		if d.Root.Content[i].Value != "items" {
			continue
		}
		for _, item := range d.Root.Content[i+1].Content {
			each := d
			each.Root = item
			out = append(out, each)
		}
	}
	return out
}

func value(mapping *yaml.Node, key string) string {
	if mapping.Kind != yaml.MappingNode {
		return ""
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1].Value
		}
	}
	return ""
}
