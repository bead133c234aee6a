package resource

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	celoperators "cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/parser"

	"github.com/portreeve/portreeve/translate/diag"
)

// The bounds of an expression. Envoy's parser gives up 32 deep, counting what this one does
// not (parentheses), and takes 100,000 characters.
const (
	maxExpressionDepth = 24
	maxExpressionSize  = 10_000
)

// expressionChecker checks the expression by which an access log is filtered.
type expressionChecker struct{ valueChecker }

// expression refuses a CEL expression that Envoy cannot read, for which it would refuse the
// whole listener. What it accepts here was tried with Envoy 1.40: no loops (all, exists,
// map, filter), no message, and only the functions of CEL's core. It warns of a name that no
// request has.
func (c expressionChecker) expression(path Path, text string) {
	if problem, hint := unreadable(text); problem != "" {
		c.add(diag.CodeExpression, path, "Envoy cannot read the expression: %s", problem).WithHint("%s", hint)
		return
	}
	tree, errs := parsedExpression(text)
	if errs != "" {
		c.add(diag.CodeExpression, path, "Envoy cannot read the expression: %s", errs).WithHint("a CEL expression such as response.code >= 400")
		return
	}
	w := &expressionWalk{strangers: map[string]bool{}, asked: map[string]bool{}}
	w.walk(tree, 1)
	if w.problem != "" {
		c.add(diag.CodeExpression, path, "Envoy cannot read the expression: %s", w.problem).WithHint("%s", w.hint)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(w.strangers)) {
		c.unknownName(path, name, "what depends on it is never logged")
	}
	for _, name := range slices.Sorted(maps.Keys(w.asked)) {
		if !w.strangers[name] {
			c.unknownName(path, name, "the answer of has() or in is always no")
		}
	}
}

// unreadable finds what does not show in a tree.
func unreadable(text string) (problem, hint string) {
	depth, deepest := 0, 0
	for _, r := range text {
		switch r {
		case '(', '[', '{':
			depth++
			deepest = max(deepest, depth)
		case ')', ']', '}':
			depth--
		}
	}
	switch {
	case utf8.RuneCountInString(text) > maxExpressionSize:
		return "it is too long", "a shorter one, or several logs"
	case deepest > maxExpressionDepth:
		return "it is nested too deep", "fewer parentheses, at most 24 within each other"
	case strings.Contains(text, "`"):
		return "it has a name in backticks", "write a['b-c'] for a.`b-c`"
	}
	return "", ""
}

// parsedExpression returns the tree, or the first thing that is wrong with the syntax.
func parsedExpression(text string) (ast.Expr, string) {
	macros := []parser.Macro{parser.NewGlobalMacro("has", 1, hasField)}
	for _, m := range parser.AllMacros {
		if m.Function() != "has" {
			macros = append(macros, m)
		}
	}
	p, err := parser.NewParser(parser.Macros(macros...), parser.MaxRecursionDepth(4*maxExpressionDepth))
	if err != nil {
		return nil, err.Error()
	}
	parsed, errs := p.Parse(common.NewTextSource(text))
	if errs == nil || len(errs.GetErrors()) == 0 {
		return parsed.Expr(), ""
	}
	first := errs.GetErrors()[0]
	message, _, _ := strings.Cut(first.Message, " expecting ")
	return nil, message
}

// hasField is the macro has, which Envoy, unlike the library, does not take within itself.
func hasField(h parser.ExprHelper, target ast.Expr, args []ast.Expr) (ast.Expr, *common.Error) {
	if a := args[0]; a.Kind() == ast.SelectKind && a.AsSelect().IsTestOnly() {
		return nil, h.NewError(a.ID(), "has() of has()")
	}
	return parser.MakeHas(h, target, args)
}

// expressionWalk looks at every node of an expression.
type expressionWalk struct {
	problem, hint string
	// strangers are names that no request has, and asked those of which it is asked only
	// whether a request has them.
	strangers, asked map[string]bool
}

func (w *expressionWalk) refuse(problem, hint string) {
	if w.problem == "" {
		w.problem, w.hint = problem, hint
	}
}

func (w *expressionWalk) walk(e ast.Expr, depth int) {
	if depth > maxExpressionDepth {
		w.refuse("it is nested too deep", "fewer operators in a row, or a list and in")
	}
	if w.problem != "" {
		return
	}
	switch e.Kind() {
	case ast.CallKind:
		w.call(e.AsCall(), depth)
	case ast.ComprehensionKind:
		w.refuse("it has a loop (all, exists, exists_one, map or filter)", "compare single values, or write x in [a, b]")
	case ast.StructKind:
		w.refuse("it makes a message", "compare single values")
	case ast.ListKind:
		for _, item := range e.AsList().Elements() {
			w.walk(item, depth+1)
		}
	case ast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			w.walk(entry.AsMapEntry().Key(), depth+1)
			w.walk(entry.AsMapEntry().Value(), depth+1)
		}
	case ast.SelectKind:
		found := w.strangers
		if e.AsSelect().IsTestOnly() {
			found = w.asked
		}
		w.attribute(e.AsSelect().Operand(), e.AsSelect().FieldName(), found)
		w.walk(e.AsSelect().Operand(), depth+1)
	case ast.IdentKind:
		if name := strings.TrimPrefix(e.AsIdent(), "."); !slices.Contains(attributeRoots(), name) && !slices.Contains(typeNames(), name) {
			w.strangers[name] = true
		}
	}
}

func (w *expressionWalk) call(call ast.CallExpr, depth int) {
	args := call.Args()
	if call.IsMemberFunction() {
		args = append([]ast.Expr{call.Target()}, args...)
	}
	name := call.FunctionName()
	arity, known := functions()[name]
	_, operator := celoperators.FindReverse(name)
	switch {
	case operator || name == celoperators.Conditional || name == celoperators.Index:
	case !known:
		near := closest(name, slices.Sorted(maps.Keys(functions())))
		hint := "contains, startsWith, endsWith, matches or size"
		if near != "" {
			hint = "did you mean " + near + "?"
		}
		w.refuse("there is no function "+name, hint)
	case len(args) < arity[0] || len(args) > arity[1]:
		w.refuse("the function "+name+" has another number of arguments", "as in request.path.startsWith('/api')")
	case name == "matches":
		w.regex(args[1])
	}
	w.attributeIn(name, args)
	for _, a := range args {
		w.walk(a, depth+1)
	}
}

// functions are those that Envoy has, with the least and the most arguments, of which the
// value before the dot is the first.
func functions() map[string][2]int {
	out := map[string][2]int{"contains": {2, 2}, "endsWith": {2, 2}, "matches": {2, 2}, "startsWith": {2, 2}}
	for _, name := range strings.Fields("size int uint double bool bytes duration timestamp type dyn") {
		out[name] = [2]int{1, 1}
	}
	for _, name := range strings.Fields("getFullYear getMonth getDayOfYear getDayOfMonth getDate getDayOfWeek getHours getMinutes getSeconds getMilliseconds") {
		out[name] = [2]int{1, 2}
	}
	return out
}

func typeNames() []string {
	return strings.Fields("int uint double bool string bytes list map null_type type")
}
