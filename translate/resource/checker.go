package resource

import (
	"fmt"

	"github.com/portreeve/portreeve/internal/diag"
)

// checker collects the findings about one document.
type checker struct {
	origin Origin
	key    Key
	// reach is the scope of the findings; every gateway until the document's own scope is known.
	reach diag.Scope
	diags diag.List
}

// add reports a finding at a path. The returned finding may be given a hint.
func (c *checker) add(code diag.Code, path Path, format string, args ...any) *finding {
	return c.addAt(code, c.origin.At(path), path.String(), format, args...)
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
func (f *finding) WithHint(format string, args ...any) { f.d.Hint = fmt.Sprintf(format, args...) }

// finish returns the findings with their object and reach.
func (c *checker) finish() diag.List {
	for i := range c.diags {
		if c.key.Name != "" {
			c.diags[i].Object = c.key.String()
		}
		c.diags[i].Reach = c.reach
	}
	return c.diags
}
