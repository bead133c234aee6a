package resource

import (
	"go.yaml.in/yaml/v3"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/source"
)

// reporter collects the findings about one document. Whoever looks at a document, or at a part of
// one, embeds it.
type reporter struct {
	origin Origin
	key    Key
	meta   metadata
	// scope is that of the findings; every gateway until the document's own is known.
	scope diag.Scope
	diags diag.List
	// alone are findings that count where no Gateway is among the objects.
	alone diag.List
	// detectsOutliers says that outliers are detected also where the document does not say it.
	detectsOutliers bool
	// unknown holds the places of the mappings that have a field which the kind does not
	// define. A required field that is missing there is probably the one that is misspelt.
	unknown map[string]bool
	// broken says that a value has the wrong type, so that the spec cannot be looked at.
	broken bool
	// keySets holds what is known of the key sets of this Decode.
	keySets map[string]keySet
}

// newReporter returns a reporter about an object of a kind, whose metadata it reads.
func newReporter(document source.Document, kind Kind) *reporter {
	r := &reporter{origin: Origin{Document: document}, key: Key{Kind: kind}}
	objectReader{r}.metadata()
	r.key.Namespace, r.key.Name = r.meta.namespace, r.meta.name
	return r
}

// add reports a finding about the value at a path. A hint may be put to it.
func (r *reporter) add(code diag.Code, path Path, format string, args ...any) *added {
	return r.addAt(code, r.origin.At(path), path.String(), format, args...)
}

// addKey reports a finding about the key of a mapping's entry.
func (r *reporter) addKey(code diag.Code, path Path, format string, args ...any) *added {
	return r.addAt(code, r.origin.atKey(path), path.String(), format, args...)
}

// addMissing reports that something is missing from the object at a path. It is silent
// where that object has a misspelt field: one mistake is one finding, and the other
// finding refuses the policy already.
func (r *reporter) addMissing(code diag.Code, path Path, format string, args ...any) *added {
	if r.unknown[path.String()] {
		return &added{&diag.Diagnostic{}}
	}
	return r.add(code, path, format, args...)
}

func (r *reporter) addAt(code diag.Code, pos diag.Position, field, format string, args ...any) *added {
	return addTo(&r.diags, code, pos, field, format, args...)
}

func addTo(list *diag.List, code diag.Code, pos diag.Position, field, format string, args ...any) *added {
	d := diag.New(code, pos, format, args...)
	d.Field = field
	*list = append(*list, d)
	return &added{&(*list)[len(*list)-1]}
}

// added lets a hint be put to a diagnostic that stands in the list already.
type added struct{ d *diag.Diagnostic }

// WithHint says what would be accepted.
func (a *added) WithHint(format string, args ...any) { *a.d = a.d.WithHint(format, args...) }

// addAlone reports a finding that counts where no Gateway is among the objects.
func (r *reporter) addAlone(code diag.Code, path Path, format string, args ...any) *added {
	return addTo(&r.alone, code, r.origin.At(path), path.String(), format, args...)
}

// written reports whether the document has a value, which may be empty, at exactly the path.
func (r *reporter) written(path Path) bool {
	node := r.origin.Document.Root
	for _, step := range path {
		if node = child(node, step); node == nil {
			return false
		}
	}
	return !isNull(node)
}

func isNull(node *yaml.Node) bool { return node.Kind == yaml.ScalarNode && node.Tag == "!!null" }

// finish returns findings in the order of the text, with the object and scope of the document.
func (r *reporter) finish(found diag.List) diag.List {
	for i := range found {
		if r.meta.valid {
			found[i].Object = r.key.String()
		}
		found[i].Scope = r.scope
	}
	return found.Sorted()
}

// deepest returns the path with the field if the document has that, so that a finding
// points to the field, and else the path.
func (r *reporter) deepest(path Path, field string) Path {
	if at := path.Field(field); r.written(at) {
		return at
	}
	return path
}

// firstWritten returns the first of the fields that the document has, or "".
func (r *reporter) firstWritten(path Path, fields ...string) string {
	for _, f := range fields {
		if r.written(path.Field(f)) {
			return f
		}
	}
	return ""
}

// wrongType reports a value that cannot be converted.
func (r *reporter) wrongType(node *yaml.Node, path Path, want, hint string, args ...any) {
	r.broken = true
	r.addAt(diag.CodeWrongType, r.origin.Document.Position(node), path.String(), "%s is %s, not %s", path, describe(node), want).
		WithHint(hint, args...)
}

func (r *reporter) unknownField(key *yaml.Node, parent Path, known []string) {
	what := "an object"
	if len(parent) > 0 {
		what = parent.String()
	}
	r.addAt(diag.CodeUnknownField, r.origin.Document.Position(key), parent.Field(key.Value).String(), "%s has no field %q", what, key.Value).
		WithHint("%s", r.insteadOf(key.Value, known))
	r.markUnknown(parent)
}

// insteadOf says what to write instead of a field that there is not.
func (r *reporter) insteadOf(written string, known []string) string {
	if r.key.Kind == VirtualService && folded(written) == "websocketupgrade" {
		return "take it out: every route lets WebSockets through"
	}
	return suggestion(written, known)
}

func (r *reporter) markUnknown(parent Path) {
	if r.unknown == nil {
		r.unknown = map[string]bool{}
	}
	r.unknown[parent.String()] = true
}

// deprecated warns of an older field, which still counts.
func (r *reporter) deprecated(path Path, instead string) {
	r.addKey(diag.CodeDeprecated, path, "%s is deprecated", path).WithHint("write %s", instead)
}
