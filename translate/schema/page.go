package schema

import (
	"fmt"
	"strings"
)

// Pages returns the pages of docs/reference by their names: one for each kind, and index.md.
func (r *Reference) Pages() map[string]string {
	out := map[string]string{"index.md": r.index()}
	for _, k := range r.Kinds {
		out[k.page()] = k.markdown()
	}
	return out
}

func (k *Kind) page() string { return strings.ToLower(k.Name) + ".md" }

const generated = "<!-- Made by `go test ./translate/schema -update` of translate/schema and the comments in proto/. -->\n\n"

// index lists all kinds.
func (r *Reference) index() string {
	var out strings.Builder
	out.WriteString("# Reference\n\n" + generated + "What can be written in each kind. `portreeve doc` prints the same, and [an editor](../editors.md) shows it while you write.\n\n| kind | apiVersion | what it is for |\n|---|---|---|\n")
	for _, k := range r.Kinds {
		first, _, _ := strings.Cut(k.About, ". ")
		fmt.Fprintf(&out, "| [%s](%s) | %s | %s |\n", k.Name, k.page(), strings.Join(k.APIVersions, ", "), cell(strings.TrimSuffix(first, ".")))
	}
	out.WriteString("\nBeside these a `List` (v1) is read as its items, and a `Secret` (v1) as the certificates that Gateways and DestinationRules name. The mesh configuration is in [mesh-config.md](../mesh-config.md).\n\n")
	out.WriteString("## Kinds without effect\n\nThese kinds of Istio are known and have no effect on a gateway; [telemetry.md](../telemetry.md) says which of them are errors.\n\n| kind | API group | instead |\n|---|---|---|\n")
	for _, u := range r.Unhonoured {
		fmt.Fprintf(&out, "| %s | %s | %s |\n", u.Kind, u.Group, cell(u.Hint))
	}
	out.WriteString(conventions)
	return out.String()
}

// conventions is what holds for the fields of all kinds.
const conventions = `
## What holds everywhere

- A name is written as it stands here, or with ` + "`_`" + ` between its words (` + "`jwksUri`, `jwks_uri`" + `), and once.
- A field that is ` + "`null`" + ` is one that is not there. A name that a kind does not have is an error.
- A whole number may stand in quotes; a string that looks like a number or like true has to. ` + "`yes`, `no`, `on` and `off`" + ` are in quotes where a string is meant, and never true or false.
- A duration is numbers with units: ` + "`1h30m`, `5s`, `250ms`" + `.
- Of the names of a list of values one is written exactly so, in upper and lower case. Numbers do not stand for them.
`

// markdown is the page of a kind.
func (k *Kind) markdown() string {
	var out strings.Builder
	fmt.Fprintf(&out, "# %s\n\n%s%s\n\n", k.Name, generated, escaped(k.About))
	fmt.Fprintf(&out, "apiVersion: %s. More: [%s](../%s). What holds for all kinds: [Reference](index.md#what-holds-everywhere).\n\n", quotedList(k.APIVersions), k.More, k.More)
	name := strings.ToLower(k.Name) + ".yaml"
	fmt.Fprintf(&out, "## Example\n\n<!-- file: %s -->\n```yaml\n%s```\n\n```sh\nportreeve validate %s\n```\n\n## Fields\n", name, k.Example, name)
	p := page{out: &out, sections: map[string]string{}}
	p.name(k.Fields)
	if spec := k.Fields[0]; spec.descriptor == nil {
		p.section(spec.Path, "", spec.Fields)
	} else {
		p.section("", "", k.Fields)
	}
	return out.String()
}

// page is a page in the making.
type page struct {
	out *strings.Builder
	// sections are the paths under which messages stand, by the name of the message.
	sections map[string]string
}

// name finds the first path of each message, which becomes its section. A message says the same everywhere in a
// kind, unless it is refused somewhere.
func (p page) name(fields []*Field) {
	for _, f := range fields {
		if len(f.Fields) == 0 || p.sections[f.key()] != "" {
			continue
		}
		p.sections[f.key()] = f.Path
		p.name(f.Fields)
	}
}

// key tells sections apart.
func (f *Field) key() string {
	if f.message == nil {
		return f.Path
	}
	return fmt.Sprint(f.message.FullName(), len(f.Fields), f.Refused != "")
}

// section writes the fields of one object, and then those within it that have their section here.
func (p page) section(path, about string, fields []*Field) {
	if path != "" {
		fmt.Fprintf(p.out, "\n### `%s`\n", path)
	}
	if about != "" {
		fmt.Fprintf(p.out, "\n%s\n", escaped(about))
	}
	p.out.WriteString("\n| field | type | meaning |\n|---|---|---|\n")
	for _, f := range fields {
		fmt.Fprintf(p.out, "| `%s` | %s | %s |\n", f.Name, p.typed(f), f.meaning())
	}
	for _, f := range fields {
		if len(f.Fields) > 0 && p.sections[f.key()] == f.Path {
			p.section(f.Path, f.aboutObject(), f.Fields)
		}
	}
}

// typed links the type of an object to its section.
func (p page) typed(f *Field) string {
	if len(f.Fields) == 0 {
		return f.Type
	}
	at := strings.ToLower(strings.ReplaceAll(p.sections[f.key()], ".", ""))
	return "[" + f.Type + "](#" + at + ")"
}

// aboutObject is what is said of the object itself, and not of the field that holds it.
func (f *Field) aboutObject() string {
	if f.object != "" {
		return f.object
	}
	return f.About
}

// meaning is all that is said of a field, in one cell.
func (f *Field) meaning() string {
	parts := []string{cell(f.About)}
	for _, n := range f.notes() {
		if n.label == "Required" {
			parts[0] = "**Required.** " + parts[0]
			continue
		}
		parts = append(parts, "*"+n.label+":* "+cell(n.text))
	}
	if f.Example != "" {
		parts = append(parts, "*Example:* `` "+strings.ReplaceAll(strings.TrimSpace(f.Example), "|", "\\|")+" ``")
	}
	return strings.Join(parts, "<br>")
}

func quotedList(names []string) string { return "`" + strings.Join(names, "`, `") + "`" }

// cell writes a text into a table.
func cell(text string) string { return strings.ReplaceAll(escaped(text), "|", `\|`) }

// escaped keeps Markdown from reading a text, but for `code`.
func escaped(text string) string {
	var out strings.Builder
	for i, part := range strings.Split(text, "`") {
		if i%2 == 1 {
			out.WriteString("`" + part + "`")
			continue
		}
		out.WriteString(strings.NewReplacer("*", `\*`, "<", "&lt;", "[", `\[`).Replace(part))
	}
	return out.String()
}
