package origin

import (
	"slices"
	"strings"

	"github.com/portreeve/portreeve/internal/audit"
	"github.com/portreeve/portreeve/internal/reload"
	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/diag"
)

// maxChanged bounds the objects that changed, so that there is room for those that are refused.
const maxChanged = audit.MaxObjects * 3 / 4

// objectsOf returns the objects that a generation changes, those first that are gone, and those that have errors; and how
// many there may be that it has no room for.
func objectsOf(read reload.GenerationRead) (out []audit.Object, more int) {
	for _, kind := range []struct {
		change string
		of     translate.Objects
	}{{"removed", read.Changes.Removed}, {"changed", read.Changes.Changed}, {"added", read.Changes.Added}, {"", read.Changes.Unread}} {
		more += kind.of.Total
		for _, w := range kind.of.Named {
			out = append(out, audit.Object{
				Kind: string(w.Key.Kind), Namespace: w.Key.Namespace, Name: w.Key.Name, File: w.Pos.File, Line: w.Pos.Line, Column: w.Pos.Column, Change: kind.change,
			})
		}
	}
	out = out[:min(len(out), maxChanged)]
	more += read.Errors - len(out)
	for _, d := range read.Findings {
		if d.Severity == diag.Error {
			more--
		}
		o, ok := objectOf(d)
		same := func(known audit.Object) bool {
			return known.Kind == o.Kind && known.Namespace == o.Namespace && known.Name == o.Name
		}
		switch {
		case !ok || slices.ContainsFunc(out, same):
		case len(out) < audit.MaxObjects:
			out = append(out, o)
		default:
			more++
		}
	}
	return out, max(0, more)
}

// objectOf returns the object that an error is about, and whether that is known.
func objectOf(d diag.Diagnostic) (audit.Object, bool) {
	kind, rest, _ := strings.Cut(d.Object, " ")
	namespace, name, placed := strings.Cut(rest, "/")
	if !placed {
		namespace, name = "", rest
	}
	known := d.Severity == diag.Error && kind != "" && name != "" && !strings.Contains(rest, " ")
	return audit.Object{Kind: kind, Namespace: namespace, Name: name, File: d.Pos.File, Line: d.Pos.Line, Column: d.Pos.Column}, known
}

func namespacesOf(objects []audit.Object) []string {
	var out []string
	for _, o := range objects {
		if o.Namespace != "" {
			out = append(out, o.Namespace)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
