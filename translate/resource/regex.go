package resource

import (
	"regexp/syntax"
	"strconv"
	"strings"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
)

// maxProgram is the size of a compiled regular expression that a gateway is told to take,
// as Istio's gateways are. Go and Envoy compile to nearly the same program; half of the
// bound leaves room for the difference.
const maxProgram = 32768

// maxRegex is the length of a regular expression that Istio takes.
const maxRegex = 1024

func (c valueChecker) regex(path Path, re string) {
	if len(re) > maxRegex {
		c.add(diag.CodeVirtualService, path, "the regular expression has %d characters", len(re)).WithHint("at most %d", maxRegex)
		return
	}
	parsed, err := syntax.Parse(re, syntax.Perl)
	if err != nil {
		c.add(diag.CodeVirtualService, path, "%q is not a regular expression: %v", re, err).WithHint("RE2 syntax: no look-around, no back references")
		return
	}
	if wideEscape(re) {
		c.add(diag.CodeVirtualService, path, "%q has an escape \\x{…} above FF, which Envoy does not read", re).WithHint("write the character itself")
		return
	}
	if program, err := syntax.Compile(parsed.Simplify()); err != nil || len(program.Inst) > maxProgram/2 {
		c.add(diag.CodeVirtualService, path, "the regular expression is too large for Envoy").WithHint("use fewer and smaller repetitions")
	}
}

// wideEscape reports an escape such as \x{1F600}. Envoy matches bytes and not characters,
// and refuses the escape of what is no byte; the character itself stands for its bytes.
func wideEscape(re string) bool {
	for {
		i := strings.IndexByte(re, '\\')
		if i < 0 || i+1 == len(re) {
			return false
		}
		re = re[i+1:]
		switch {
		case re[0] == 'Q':
			_, re, _ = strings.Cut(re, `\E`)
		case strings.HasPrefix(re, "x{"):
			digits, _, _ := strings.Cut(re[2:], "}")
			if n, err := strconv.ParseUint(digits, 16, 32); err == nil && n > 0xFF {
				return true
			}
			re = re[1:]
		default:
			re = re[1:]
		}
	}
}

// stringMatch checks a match of anything but the path. Without exact, prefix or regex it
// asks only that the value is there.
func (c valueChecker) stringMatch(path Path, m *networkingv1alpha3.StringMatch) {
	switch m := m.GetMatchType().(type) {
	case *networkingv1alpha3.StringMatch_Prefix:
		if m.Prefix == "" {
			c.add(diag.CodeEmptyValue, path.Field("prefix"), "%s is empty", path.Field("prefix")).WithHint("{} asks only that the value is there")
		}
	case *networkingv1alpha3.StringMatch_Regex:
		c.regexMatch(path, m.Regex)
	}
}

func (c valueChecker) regexMatch(path Path, re string) {
	at := path.Field("regex")
	if re == "" {
		c.add(diag.CodeEmptyValue, at, "%s is empty", at).WithHint("for example %s: .+", at[len(at)-1])
		return
	}
	c.regex(at, re)
}
