// Package ignore says which files of a directory of policy its user has taken away, by patterns in
// gitignore's syntax.
//
// A pattern means what git means by it, or is an error: one that was read in another way would take
// away a policy that guards. So what git itself reads in a way of its own is not accepted.
package ignore

import (
	"bytes"
	"fmt"
	"path"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/portreeve/portreeve/translate/diag"
)

// File is the name of the file with patterns. It counts at the root of a directory of policy.
const File = ".portreeveignore"

// The bounds of the patterns: each is held against every name in the directory.
const (
	// MaxBytes is of a file.
	MaxBytes    = 64 << 10
	maxPatterns = 200
	maxPattern  = 1 << 10
)

// Rules are patterns in their order: the last one that matches a name decides. A nil value takes
// nothing away.
type Rules struct{ rules []rule }

// rule is one pattern.
type rule struct {
	glob string
	// anywhere says that the pattern is for a name and not for a path.
	anywhere, keeps, directories bool
	// by says where the pattern is written.
	by string
}

// Parse reads the file with patterns; file is what its findings and rules are said to stand in.
// Every finding is an error, with which nothing of the rules may be used.
func Parse(file string, content []byte) (*Rules, diag.List) {
	r := &Rules{}
	var findings diag.List
	content = bytes.TrimPrefix(content, []byte("\ufeff"))
	for i, line := range strings.Split(string(content), "\n") {
		at := diag.Position{File: file, Line: i + 1, Column: 1}
		parsed, err := parse(strings.TrimSuffix(line, "\r"))
		switch {
		case err != nil:
			findings = append(findings, diag.New(diag.CodeIgnoreFile, at, "the pattern %q: %v", short(line), err))
		case parsed == nil:
			continue
		case len(r.rules) == maxPatterns:
			return r, append(findings, diag.New(diag.CodeIgnoreFile, at, "there are more than %d patterns", maxPatterns).WithHint("name directories in place of files"))
		default:
			parsed.by = fmt.Sprintf("%s:%d", file, i+1)
			r.rules = append(r.rules, *parsed)
		}
	}
	return r, findings
}

// Excluded reads patterns that are arguments of the program.
func Excluded(patterns []string) (*Rules, error) {
	r := &Rules{}
	if len(patterns) > maxPatterns {
		return nil, fmt.Errorf("there are %d, want at most %d", len(patterns), maxPatterns)
	}
	for _, p := range patterns {
		parsed, err := parse(p)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", short(p), err)
		}
		if parsed == nil {
			return nil, fmt.Errorf("%q names nothing", short(p))
		}
		parsed.by = fmt.Sprintf("--exclude %q", p)
		r.rules = append(r.rules, *parsed)
	}
	return r, nil
}

// Then returns the rules with others behind them, which decide where both match.
func (r *Rules) Then(more *Rules) *Rules {
	out := &Rules{}
	for _, part := range []*Rules{r, more} {
		if part != nil {
			out.rules = append(out.rules, part.rules...)
		}
	}
	return out
}

// Kind is what stands under a name.
type Kind int

const (
	// Other is anything but a directory.
	Other Kind = iota
	// Directory is one, also where a symlink leads to it.
	Directory
)

// Takes reports whether a name is taken away, and by what. It is for a walk from the top: the
// directories above the name are not looked at. The name is relative to the directory that the
// rules are for, with slashes.
func (r *Rules) Takes(name string, kind Kind) (by string, taken bool) {
	if r == nil {
		return "", false
	}
	name = bytewise(name)
	base := path.Base(name)
	for i := len(r.rules) - 1; i >= 0; i-- {
		if r.rules[i].matches(name, base, kind) {
			return r.rules[i].by, !r.rules[i].keeps
		}
	}
	return "", false
}

// TakesFile is Takes for a file wherever it is: it is also taken away with a directory above it,
// out of which, as in git, no pattern brings it back.
func (r *Rules) TakesFile(name string) (by string, taken bool) {
	for i, c := range name {
		if c != '/' {
			continue
		}
		if by, taken := r.Takes(name[:i], Directory); taken {
			return by, true
		}
	}
	return r.Takes(name, Other)
}

func (r rule) matches(name, base string, kind Kind) bool {
	if r.directories && kind != Directory {
		return false
	}
	if r.anywhere {
		name = base
	}
	return doublestar.MatchUnvalidated(r.glob, name)
}

func short(text string) string {
	if len(text) > 64 {
		return text[:64] + "…"
	}
	return text
}
