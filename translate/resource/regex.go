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

// substitution checks the replacement of a regular expression: \0 to \9 are the groups of
// its match and \\ is a backslash. Envoy refuses any other, and a group that is not there.
func (c redirectChecker) substitution(path Path, re *networkingv1alpha3.RegexRewrite) {
	parsed, err := syntax.Parse(re.GetMatch(), syntax.Perl)
	if err != nil {
		return // reported already
	}
	text := re.GetRewrite()
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		i++
		switch {
		case i < len(text) && text[i] == '\\':
		case i == len(text) || text[i] < '0' || text[i] > '9':
			c.add(diag.CodeRewrite, path, "%q has a backslash without a digit behind it", text).WithHint(`\0 to \9 for a group, \\ for a backslash`)
			return
		case int(text[i]-'0') > parsed.MaxCap():
			c.add(diag.CodeRewrite, path, "%q has no group %c", re.GetMatch(), text[i]).WithHint("put what is to be kept in parentheses")
			return
		}
	}
	c.oneLine(diag.CodeRewrite, path, text)
}
