// Package source turns the files of a policy directory into YAML documents that know
// where they stand.
package source

import (
	"go.yaml.in/yaml/v3"

	"github.com/portreeve/portreeve/translate/diag"
)

// File is the content of one policy file.
type File struct {
	// Path is the name that diagnostics show.
	Path    string
	Content []byte
}

// Document is one YAML document of a file.
type Document struct {
	// File is the path of the file that holds the document.
	File string
	// Offset is the number of lines of the file before the document's first line; the
	// Line of every node below Root counts from the document's own first line.
	Offset int
	// Lines is the number of lines that the document has.
	Lines int
	// Root is the top mapping. It is shared and must not be changed. It holds no aliases.
	Root *yaml.Node
	// shared says that a node may stand at several places of the document.
	shared bool
}

// Position returns where a node of the document stands in its file.
func (d Document) Position(n *yaml.Node) diag.Position {
	return diag.Position{File: d.File, Line: d.Offset + n.Line, Column: n.Column}
}
