// Package diag carries what a person did wrong in a policy file: where it stands,
// what it is, why it is refused, and what would be accepted instead.
//
// A user's mistake is always a [Diagnostic] and never a Go error; Go errors are kept
// for I/O and for faults of this program. Stages collect every finding and go on;
// only the end of the pipeline decides what a finding refuses.
package diag

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Severity says whether a finding refuses the generation it stands in.
type Severity uint8

const (
	// Error refuses the new generation for every gateway in the finding's Scope.
	Error Severity = iota
	// Warning refuses nothing.
	Warning
)

// String returns "error" or "warning".
func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// MarshalText makes JSON and YAML output say "error" or "warning".
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText writes; anything that is not "warning" is an Error.
func (s *Severity) UnmarshalText(text []byte) error {
	*s = Error
	if string(text) == Warning.String() {
		*s = Warning
	}
	return nil
}

// Position is a place in a policy file. Line and Column count from 1; zero means
// that the finding is about the whole file.
type Position struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

// String returns file:line:col, leaving out the parts that are zero. The name of the file is as Shown says, and a line that
// begins with it begins with no colon, which the runner of a workflow would take for a command.
func (p Position) String() string {
	file := Shown(p.File)
	if strings.HasPrefix(strings.TrimSpace(file), ":") {
		file = "./" + file
	}
	switch {
	case p.Line == 0:
		return file
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", file, p.Line)
	default:
		return fmt.Sprintf("%s:%d:%d", file, p.Line, p.Column)
	}
}

// Compare orders positions by file, line and column.
func (p Position) Compare(o Position) int {
	return cmp.Or(cmp.Compare(p.File, o.File), cmp.Compare(p.Line, o.Line), cmp.Compare(p.Column, o.Column))
}

// Diagnostic is one finding.
type Diagnostic struct {
	Severity Severity `json:"severity"`
	Code     Code     `json:"code"`
	Pos      Position `json:"position"`
	// Object is "Kind namespace/name", or empty where no object could be read.
	Object string `json:"object,omitempty"`
	// Field is the path inside the object, such as spec.rules[0].to[1].operation.ports[0].
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
	// Hint says what would be accepted instead.
	Hint string `json:"hint,omitempty"`
	// Scope is the set of gateways whose configuration the finding can touch. Its zero
	// value is every gateway, so a finding whose scope nobody worked out refuses
	// everywhere: it fails closed.
	Scope Scope `json:"-"`
}

// New returns a finding of code at pos, with the severity that the table of codes gives it.
// The message is formatted as by fmt.Sprintf, a value in it cut where a private key begins, and what is not seen is
// written as Shown says.
func New(code Code, pos Position, format string, args ...any) Diagnostic {
	return Diagnostic{Severity: code.Severity(), Code: code, Pos: pos, Message: Shown(withoutKeys(format, args...))}
}

// WithHint returns the finding with a way out attached.
func (d Diagnostic) WithHint(format string, args ...any) Diagnostic {
	d.Hint = Shown(withoutKeys(format, args...))
	return d
}

// String returns the one-line form, file:line:col: severity CODE: message.
func (d Diagnostic) String() string { return d.Painted(Plain) }

// List is the findings of one compilation.
type List []Diagnostic

// Sorted returns the list in file order, without exact repetitions. Of findings that say the
// same, one stays, and reaches whatever any of them reaches.
func (l List) Sorted() List {
	out := slices.Clone(l)
	slices.SortStableFunc(out, func(a, b Diagnostic) int {
		return cmp.Or(a.Pos.Compare(b.Pos), cmp.Compare(a.Severity, b.Severity), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Message, b.Message))
	})
	kept := out[:0]
	for _, d := range out {
		if n := len(kept); n > 0 && kept[n-1].repeats(d) {
			kept[n-1].Scope = kept[n-1].Scope.Union(d.Scope)
			continue
		}
		kept = append(kept, d)
	}
	return kept
}

// repeats reports whether two findings read the same.
func (d Diagnostic) repeats(o Diagnostic) bool {
	return d.Pos == o.Pos && d.Severity == o.Severity && d.Code == o.Code && d.Message == o.Message && d.Hint == o.Hint
}

// HasErrors reports whether any finding refuses something.
func (l List) HasErrors() bool {
	return slices.ContainsFunc(l, func(d Diagnostic) bool { return d.Severity == Error })
}

// Errors returns the findings that refuse something.
func (l List) Errors() List {
	return slices.DeleteFunc(slices.Clone(l), func(d Diagnostic) bool { return d.Severity != Error })
}

// ErrorsFirst returns the list with the errors before the warnings, each in the order of the
// list: what has to be mended is read first.
func (l List) ErrorsFirst() List {
	out := slices.Clone(l)
	slices.SortStableFunc(out, func(a, b Diagnostic) int { return cmp.Compare(a.Severity, b.Severity) })
	return out
}

// Folded returns the list with one finding in place of all that say that objects of a kind are ignored
// (CodeForeignKind): the first one, which says of how many it is. Whoever reads the output of a chart reads a line of a
// kind then, and not one of each object.
func (l List) Folded() List {
	first := map[string]int{} // by message, which names the kind
	counts := map[int]int{}
	out := List{}
	for _, d := range l {
		at, known := first[d.Message]
		if d.Code != CodeForeignKind || !known {
			if d.Code == CodeForeignKind {
				first[d.Message] = len(out)
				counts[len(out)] = 1
			}
			out = append(out, d)
			continue
		}
		counts[at]++
		out[at].Scope = out[at].Scope.Union(d.Scope)
	}
	for at, n := range counts {
		if n > 1 {
			out[at].Message += fmt.Sprintf(" (%d objects, of which this is the first)", n)
			out[at].Object, out[at].Field = "", ""
		}
	}
	return out
}

// Brief returns the one-line forms of the first findings, at most a number of them, and a line that says how
// many are left out.
func (l List) Brief(most int) []string {
	if len(l) <= most {
		return l.Lines()
	}
	return append(l[:most].Lines(), fmt.Sprintf("and %d more", len(l)-most))
}

// Lines returns the one-line form of each finding.
func (l List) Lines() []string {
	out := make([]string, 0, len(l))
	for _, d := range l {
		out = append(out, d.String())
	}
	return out
}
