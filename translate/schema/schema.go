// Package schema says what can be written in every kind that is read: the fields, their types, what they mean and what
// they take. JSON Schema, the texts of `portreeve doc` and the pages of docs/reference are all made of it.
//
// What fields there are, and which of them are refused, is known by translate/resource; what they mean by the comments
// of our own .proto files and, for Istio's and Kubernetes' messages, by the files of words/. To describe a field that
// a newer API adds, write its line there: a test names each that is missing.
package schema

import (
	"fmt"
	"slices"

	"github.com/portreeve/portreeve/translate/resource"
)

// Reference describes every kind that is read. It must not be changed.
type Reference struct {
	// Kinds are in the order in which they are listed to people: policy first.
	Kinds []*Kind
	// Unhonoured are kinds of Istio's of which no field is read.
	Unhonoured []resource.Unhonoured
}

// Kind describes one kind.
type Kind struct {
	Name string `json:"kind"`
	// APIVersions are those that are read, the newest first.
	APIVersions []string `json:"apiVersions"`
	// About says in one or two sentences what an object of the kind is for.
	About string `json:"about"`
	// More is the page of the documentation that has the rest, as a path from docs/.
	More string `json:"more"`
	// Example is a file with an object of the kind, and what it needs, in which nothing is found.
	Example string `json:"example,omitempty"`
	// Fields are those at the top of the object beside apiVersion, kind and metadata: the spec in most kinds.
	Fields []*Field `json:"fields"`
	group  string
}

// New puts the reference together. An error is a fault of this program.
func New() (*Reference, error) {
	w, err := readWords()
	if err != nil {
		return nil, err
	}
	out := &Reference{Unhonoured: resource.DescribeUnhonoured()}
	for _, d := range resource.Describe() {
		k, err := w.kind(d)
		if err != nil {
			return nil, err
		}
		out.Kinds = append(out.Kinds, k)
	}
	slices.SortStableFunc(out.Kinds, func(a, b *Kind) int { return w.order(a.Name) - w.order(b.Name) })
	return out, nil
}

// Kind returns the kind of a name.
func (r *Reference) Kind(name string) (*Kind, bool) {
	i := slices.IndexFunc(r.Kinds, func(k *Kind) bool { return k.Name == name })
	if i < 0 {
		return nil, false
	}
	return r.Kinds[i], true
}

// Names returns the names of the kinds, in their order.
func (r *Reference) Names() []string {
	out := make([]string, 0, len(r.Kinds))
	for _, k := range r.Kinds {
		out = append(out, k.Name)
	}
	return out
}

func (w *words) kind(d resource.Described) (*Kind, error) {
	about, ok := w.Kinds[string(d.Kind)]
	if !ok {
		return nil, fmt.Errorf("nothing is said of the kind %s", d.Kind)
	}
	example, err := wordFiles.ReadFile("examples/" + string(d.Kind) + ".yaml")
	if err != nil {
		return nil, fmt.Errorf("read the example of %s: %w", d.Kind, err)
	}
	out := &Kind{Name: string(d.Kind), About: about.About, More: about.More, Example: string(example), group: d.Group}
	for _, v := range d.Versions {
		if d.Group != "" {
			v = d.Group + "/" + v
		}
		out.APIVersions = append(out.APIVersions, v)
	}
	b := builder{words: w, kind: d}
	fields := b.fields(d.Message, "", "")
	if d.Fields != nil {
		for _, f := range fields {
			f.Other = "" // beside apiVersion and kind names are read as they are
		}
		out.Fields = fields
		return out, b.err
	}
	spec := &Field{Name: "spec", Path: "spec", Type: "object", About: w.message(d.Message).About, Fields: fields, message: d.Message}
	spec.Required = slices.ContainsFunc(fields, func(f *Field) bool { return f.Required })
	for _, f := range spec.all()[1:] {
		f.Path = joined("spec", f.Path)
	}
	out.Fields = []*Field{spec}
	return out, b.err
}
