package source

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// MayBeManifest reports whether a file may hold an object: whether any of its documents looks like
// one, or cannot be read, or there is none. It is not for deciding what guards: a file of which it
// says no holds YAML or JSON that is something else, as the values of a chart or the services of
// docker compose.
func MayBeManifest(f File) bool {
	decoder := yaml.NewDecoder(bytes.NewReader(f.Content))
	for documents := 0; ; documents++ {
		var document yaml.Node
		switch err := decoder.Decode(&document); {
		case errors.Is(err, io.EOF):
			return documents == 0
		case err != nil:
			return true
		case len(document.Content) == 1 && likeObject(document.Content[0]):
			return true
		}
	}
}

// likeObject reports whether a document is meant for an object, as far as can be told: spelling
// mistakes in the names of fields are no reason to leave it out. A chart has an apiVersion without a
// group, and no kind.
func likeObject(root *yaml.Node) bool {
	if root.Kind != yaml.MappingNode {
		return false
	}
	fields := map[string]string{}
	for i := 0; i+1 < len(root.Content); i += 2 {
		fields[strings.ToLower(root.Content[i].Value)] = root.Content[i+1].Value
	}
	version, versioned := fields["apiversion"]
	_, kind := fields["kind"]
	_, metadata := fields["metadata"]
	_, spec := fields["spec"]
	return versioned && (kind || strings.Contains(version, "/")) || metadata && (kind || spec) || kind && spec
}
