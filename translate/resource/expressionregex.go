package resource

import (
	"regexp/syntax"
	"unicode/utf8"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
)

// maxLogRegex is how many instructions a regular expression of an access log's filter may
// have. Envoy takes 100 there, whatever the bootstrap allows elsewhere.
const maxLogRegex = 90

// regex refuses a regular expression that Envoy compiles when it reads the listener.
func (w *expressionWalk) regex(arg ast.Expr) {
	if arg.Kind() != ast.LiteralKind {
		return
	}
	text, ok := arg.AsLiteral().(types.String)
	if !ok {
		return
	}
	parsed, err := syntax.Parse(string(text), syntax.Perl)
	if err != nil || wideEscape(string(text)) {
		w.refuse("it has a regular expression that is none", "RE2 syntax: no look-around, no back references")
		return
	}
	if program, err := syntax.Compile(parsed.Simplify()); err != nil || instructions(program) > maxLogRegex {
		w.refuse("it has a regular expression that is too large", "contains, startsWith or endsWith, or a shorter expression")
	}
}

// instructions is at least the number that RE2 needs, which matches bytes: a character that
// is not ASCII is up to four, and a range of them a dozen.
func instructions(program *syntax.Prog) int {
	n := 0
	for _, i := range program.Inst {
		n++
		switch i.Op {
		case syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			n += 12
		case syntax.InstRune, syntax.InstRune1:
			for _, r := range i.Rune {
				if n += 1; r >= utf8.RuneSelf {
					n += 12
				}
			}
			n-- // one rune, or the two ends of a range
		}
	}
	return n
}
