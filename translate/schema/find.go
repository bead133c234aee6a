package schema

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/portreeve/portreeve/translate/resource"
)

// Topic is what a path leads to: a kind, or a field of it.
type Topic struct {
	Kind *Kind
	// Field is nil for the kind itself.
	Field *Field
}

// UnknownError says which name of a path there is not.
type UnknownError struct {
	// Within is the path up to that name; empty where the name is that of a kind.
	Within, Name string
	// Near is the name that was probably meant, or empty.
	Near string
	// Known are those that there are.
	Known []string
}

// Error implements error.
func (e *UnknownError) Error() string {
	what := fmt.Sprintf("there is no kind %q", e.Name)
	if e.Within != "" {
		what = fmt.Sprintf("%s has no field %q", e.Within, e.Name)
	}
	switch {
	case e.Near != "":
		return what + "; did you mean " + e.Near + "?"
	case len(e.Known) == 0:
		return what + ": it has no fields"
	}
	return what + "; there are " + strings.Join(e.Known, ", ")
}

// position is an item of a list in a path, which may be copied from a finding.
var position = regexp.MustCompile(`\[[0-9]*\]`)

// Find returns what a path is about: the name of a kind and those of fields, with dots between them. What stands in
// brackets, as in the paths of findings, is passed over. The error is an *UnknownError.
func (r *Reference) Find(path string) (Topic, error) {
	steps := strings.Split(position.ReplaceAllString(path, ""), ".")
	kind, ok := r.Kind(steps[0])
	if !ok {
		return Topic{}, unknown("", steps[0], r.Names())
	}
	out, fields, within := Topic{Kind: kind}, kind.Fields, kind.Name
	for _, step := range steps[1:] {
		i := slices.IndexFunc(fields, func(f *Field) bool { return step == f.Name || step == f.Other && step != "" })
		if i < 0 {
			return Topic{}, unknown(within, step, namesIn(fields))
		}
		out.Field, within = fields[i], within+"."+fields[i].Name
		fields = fields[i].Fields
	}
	return out, nil
}

func unknown(within, name string, names []string) *UnknownError {
	return &UnknownError{Within: within, Name: name, Near: resource.DidYouMean(name, names), Known: names}
}

// Complete returns the paths that begin with a text and have one step more.
func (r *Reference) Complete(begun string) []string {
	above, _, within := cutLast(begun)
	candidates, prefix := r.Names(), ""
	if within {
		topic, err := r.Find(above)
		if err != nil {
			return nil
		}
		candidates, prefix = namesIn(topic.fields()), above+"."
	}
	var out []string
	for _, c := range candidates {
		if strings.HasPrefix(prefix+c, begun) {
			out = append(out, prefix+c)
		}
	}
	return out
}

// cutLast cuts a path before its last dot.
func cutLast(path string) (above, last string, found bool) {
	i := strings.LastIndexByte(path, '.')
	if i < 0 {
		return "", path, false
	}
	return path[:i], path[i+1:], true
}

// fields are those within the topic.
func (t Topic) fields() []*Field {
	if t.Field == nil {
		return t.Kind.Fields
	}
	return t.Field.Fields
}

func namesIn(fields []*Field) []string {
	out := make([]string, 0, len(fields))
	for _, f := range fields {
		out = append(out, f.Name)
	}
	return out
}
