package schema

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// note is one thing that is said of a field beside what it means.
type note struct{ label, text string }

// notes returns them in the order in which they are shown.
func (f *Field) notes() []note {
	var out []note
	add := func(label, text string) {
		if text != "" {
			out = append(out, note{label, text})
		}
	}
	if f.Required {
		add("Required", "yes")
	}
	add("One of", f.choices())
	add("Accepted", f.Accepted)
	add("Not beside", strings.Join(f.Excludes, ", "))
	add("Refused", f.Refused)
	add("Ignored", f.Ignored)
	add("Stricter than Istio", f.Stricter)
	return out
}

// choices lists the values, with what they mean where that is said.
func (f *Field) choices() string {
	out := make([]string, 0, len(f.Values))
	for _, v := range f.Values {
		switch {
		case v == "":
			continue
		case f.Meanings[v] != "":
			v += " (" + f.Meanings[v] + ")"
		}
		out = append(out, v)
	}
	return strings.Join(out, ", ")
}

// text says all of a field in a few lines, as an editor shows it.
func (f *Field) text() string {
	lines := []string{f.About}
	for _, n := range f.notes() {
		if n.label != "Required" && (n.label != "One of" || f.Meanings != nil) { // of which an editor knows itself
			lines = append(lines, n.label+": "+n.text)
		}
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

// width is how long a line for a terminal may be.
const width = 100

// Write writes a topic for a person at a terminal.
func (t Topic) Write(w io.Writer) error {
	var out strings.Builder
	if t.Field == nil {
		fmt.Fprintf(&out, "%s (%s)\n\n%s\n", t.Kind.Name, strings.Join(t.Kind.APIVersions, ", "), wrapped(t.Kind.About, "  "))
	} else {
		t.Field.write(&out, t.Kind.Name)
	}
	list(&out, t.fields())
	if t.Field == nil && t.Kind.Example != "" {
		fmt.Fprintf(&out, "\nExample:\n%s", indented(t.Kind.Example))
	}
	if t.Field == nil {
		fmt.Fprintf(&out, "\nMore: docs/%s\n", t.Kind.More)
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// WriteKinds writes a line for each kind.
func (r *Reference) WriteKinds(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "KIND\tAPIVERSION\tWHAT IT IS FOR")
	for _, k := range r.Kinds {
		first, _, _ := strings.Cut(k.About, ". ")
		fmt.Fprintf(table, "%s\t%s\t%s\n", k.Name, k.APIVersions[0], strings.TrimSuffix(first, "."))
	}
	return table.Flush()
}

// MarshalJSON implements json.Marshaler: a field where the path leads to one, and else the kind.
func (t Topic) MarshalJSON() ([]byte, error) {
	if t.Field == nil {
		return json.Marshal(t.Kind)
	}
	return json.Marshal(t.Field)
}

func (f *Field) write(out *strings.Builder, kind string) {
	fmt.Fprintf(out, "%s.%s (%s)\n\n%s\n", kind, f.Path, f.Type, wrapped(f.About, "  "))
	if notes := f.notes(); len(notes) > 0 {
		out.WriteByte('\n')
		for _, n := range notes {
			fmt.Fprintf(out, "%s\n", strings.TrimPrefix(wrapped(n.label+": "+n.text, "    "), "  "))
		}
	}
	if f.Example != "" {
		fmt.Fprintf(out, "\nExample:\n%s", indented(f.snippet()))
	}
}

// snippet is the example with the name of the field before it.
func (f *Field) snippet() string {
	if strings.Contains(strings.TrimSpace(f.Example), "\n") {
		return f.Name + ":\n" + indented(f.Example)
	}
	return f.Name + ": " + strings.TrimSpace(f.Example) + "\n"
}

// list writes a line for each field.
func list(out *strings.Builder, fields []*Field) {
	if len(fields) == 0 {
		return
	}
	out.WriteString("\nFields:\n")
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, f := range fields {
		fmt.Fprintf(table, "  %s\t%s\t%s\n", f.Name, f.Type, f.short())
	}
	table.Flush()
}

// short says in one sentence what a field means, and whether it counts.
func (f *Field) short() string {
	first, _, _ := strings.Cut(f.About, ". ")
	first = strings.TrimSuffix(first, ".")
	switch {
	case f.Refused != "":
		return first + " (refused)"
	case f.Ignored != "":
		return first + " (ignored)"
	case f.Required:
		return first + " (required)"
	}
	return first
}

// wrapped breaks a text into lines, each behind an indentation.
func wrapped(text, indentation string) string {
	var out strings.Builder
	length := 0
	for word := range strings.FieldsSeq(text) {
		if length > 0 && length+1+len(word) > width {
			out.WriteByte('\n')
			length = 0
		}
		if length == 0 {
			out.WriteString(indentation)
			length = len(indentation)
		} else {
			out.WriteByte(' ')
			length++
		}
		out.WriteString(word)
		length += len(word)
	}
	return out.String()
}

func indented(text string) string {
	var out strings.Builder
	for line := range strings.Lines(strings.TrimRight(text, "\n") + "\n") {
		if line != "\n" {
			out.WriteString("  ")
		}
		out.WriteString(line)
	}
	return out.String()
}
