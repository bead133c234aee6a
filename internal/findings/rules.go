// Package findings decides which findings count, and prints them for people and for programs: GitHub's workflow
// commands, SARIF and JUnit.
//
// Nothing in it makes an error go away. What is switched off are warnings, for whoever checks files; a control plane
// does not ask this package.
package findings

import (
	"fmt"
	"slices"
	"strings"

	"github.com/portreeve/portreeve/translate/diag"
)

// Rules say which findings are left out, and which make a check fail. The zero value leaves nothing out and fails at
// errors.
type Rules struct {
	// FailOn is the least severity that makes a check fail.
	FailOn diag.Severity
	// errors are warnings that count as errors, off those that are left out.
	errors, off []diag.Code
}

// Severities are the names of severities, as a flag takes them.
func Severities() []string { return []string{diag.Error.String(), diag.Warning.String()} }

// NewRules returns the rules of a command line. Of errors, codes that are errors anyway may be among them, as an error
// may become a warning one day. An unknown code is an error, and so is one to switch off that is no warning.
func NewRules(failOn string, errors, off []string) (Rules, error) {
	out := Rules{}
	if !slices.Contains(Severities(), failOn) {
		return out, fmt.Errorf("--fail-on %q is neither %s", failOn, strings.Join(Severities(), " nor "))
	}
	if failOn == diag.Warning.String() {
		out.FailOn = diag.Warning
	}
	for _, text := range errors {
		if _, known := info(diag.Code(text)); !known {
			return out, unknownCode("--error", text)
		}
		out.errors = append(out.errors, diag.Code(text))
	}
	for _, text := range off {
		code := diag.Code(text)
		switch i, known := info(code); {
		case !known:
			return out, unknownCode("--off", text)
		case i.Severity == diag.Error:
			return out, fmt.Errorf("--off %s: it is an error, and no error can be switched off; a warning can, portreeve validate --list-codes says which are", text)
		case slices.Contains(out.errors, code):
			return out, fmt.Errorf("--off %s: --error names it too; it is one or the other", text)
		}
		out.off = append(out.off, code)
	}
	return out, nil
}

func unknownCode(flag, text string) error {
	return fmt.Errorf("%s %q is no code of a finding; codes look like %s, and portreeve validate --list-codes has all of them", flag, text, diag.CodeForeignKind)
}

// info returns the row of a code.
func info(code diag.Code) (diag.Info, bool) {
	all := diag.Codes()
	i := slices.IndexFunc(all, func(i diag.Info) bool { return i.Code == code })
	if i < 0 {
		return diag.Info{}, false
	}
	return all[i], true
}

// raised returns the finding with the severity that it counts with.
func (r Rules) raised(d diag.Diagnostic) diag.Diagnostic {
	if slices.Contains(r.errors, d.Code) {
		d.Severity = diag.Error
	}
	return d
}

// isOff reports whether a finding is left out. It fails closed: an error never is.
func (r Rules) isOff(d diag.Diagnostic) bool {
	return d.Severity == diag.Warning && slices.Contains(r.off, d.Code)
}

// fatal reports whether a finding makes a check fail.
func (r Rules) fatal(d diag.Diagnostic) bool { return d.Severity <= r.FailOn }
