package resource

import (
	"go.yaml.in/yaml/v3"

	"github.com/portreeve/portreeve/translate/diag"
)

// checker collects the findings about one document.
type checker struct {
	origin Origin
	key    Key
	meta   metadata
	// reach is the scope of the findings; every gateway until the document's own scope is known.
	reach diag.Scope
	diags diag.List
	// unknown holds the places of the mappings that have a field which the kind does not
	// define. A required field that is missing there is probably the one that is misspelt.
	unknown map[string]bool
	// broken says that a value has the wrong type, so that the spec cannot be looked at.
	broken bool
	// keySets holds what is known of the key sets of this Decode.
	keySets map[string]keySet
}

// add reports a finding about the value at a path. A hint may be put to it.
func (c *checker) add(code diag.Code, path Path, format string, args ...any) *finding {
	return c.addAt(code, c.origin.At(path), path.String(), format, args...)
}

// addKey reports a finding about the key of a mapping's entry.
func (c *checker) addKey(code diag.Code, path Path, format string, args ...any) *finding {
	return c.addAt(code, c.origin.atKey(path), path.String(), format, args...)
}

// addMissing reports that something is missing from the object at a path. It is silent
// where that object has a misspelt field: one mistake is one finding, and the other
// finding refuses the policy already.
func (c *checker) addMissing(code diag.Code, path Path, format string, args ...any) *finding {
	if c.unknown[path.String()] {
		return &finding{&diag.Diagnostic{}}
	}
	return c.add(code, path, format, args...)
}

func (c *checker) addAt(code diag.Code, pos diag.Position, field, format string, args ...any) *finding {
	d := diag.New(code, pos, format, args...)
	d.Field = field
	c.diags = append(c.diags, d)
	return &finding{&c.diags[len(c.diags)-1]}
}

// finding lets a hint be put to a finding that stands in the list already.
type finding struct{ d *diag.Diagnostic }

// WithHint says what would be accepted.
func (f *finding) WithHint(format string, args ...any) { *f.d = f.d.WithHint(format, args...) }

// written reports whether the document has a value, which may be empty, at exactly the path.
func (c *checker) written(path Path) bool {
	node := c.origin.Document.Root
	for _, step := range path {
		if node = child(node, step); node == nil {
			return false
		}
	}
	return !isNull(node)
}

func isNull(node *yaml.Node) bool { return node.Kind == yaml.ScalarNode && node.Tag == "!!null" }

// finish returns the findings in the order of the text, with their object and reach.
func (c *checker) finish() diag.List {
	if len(c.diags) == 0 {
		return nil
	}
	for i := range c.diags {
		if c.meta.valid {
			c.diags[i].Object = c.key.String()
		}
		c.diags[i].Reach = c.reach
	}
	return c.diags.Sorted()
}
