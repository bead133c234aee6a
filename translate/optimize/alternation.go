package optimize

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"

	"github.com/portreeve/portreeve/translate/envoy/match"
)

// maxAlternation bounds the size of one alternation (programSize), so that its RE2 program stays below the 32,768
// instructions of our bootstrap, beyond which Envoy refuses all policy.
const maxAlternation = 24_000

// kind is what expressions must have in common to be put into one alternation. What they begin and end with is
// said once, so an alternation never has more than one piece at work that takes any text.
type kind struct {
	begin, end string
	anyCase    bool
}

func (k kind) compare(o kind) int {
	byCase := 0
	if k.anyCase != o.anyCase {
		byCase = 1
		if o.anyCase {
			byCase = -1
		}
	}
	return cmp.Or(cmp.Compare(k.begin, o.begin), cmp.Compare(k.end, o.end), byCase)
}

// alternations returns matchers of which one matches where one of the expressions does that are noted as folded,
// and no other text: a full match of (?:a|b) is one of a or of b, and what all have in front and behind can be
// said once. Of a kind there must be least. Equal sets give equal matchers.
func alternations(of []expression, least int, folded map[int]bool) []*matcherv3.StringMatcher {
	byKind := kinds(of)
	var out []*matcherv3.StringMatcher
	for _, k := range slices.SortedFunc(maps.Keys(byKind), kind.compare) {
		if len(byKind[k]) < least {
			continue
		}
		for _, e := range byKind[k] {
			folded[e.from] = true
		}
		for _, chunk := range chunks(distinct(byKind[k])) {
			out = append(out, match.Regex(k.alternation(chunk)))
		}
	}
	return out
}

// fewAlike is how many expressions must begin alike so that it is worth an alternation of their own, and manyKinds how
// many such alternations are worth it: each is one that a request is held against.
const fewAlike, manyKinds = 8, 8

// kinds tells expressions apart. Where few begin alike they differ by what stands before, so the beginning
// becomes part of each.
func kinds(of []expression) map[kind][]expression {
	alike := map[string]int{}
	for _, e := range of {
		alike[e.begin]++
	}
	out := map[kind][]expression{}
	for _, e := range of {
		if alike[e.begin] < max(fewAlike, len(of)/manyKinds) {
			e.middle, e.begin = e.begin+e.middle, ""
		}
		k := kind{e.begin, e.end, e.anyCase}
		out[k] = append(out[k], e)
	}
	return out
}

// distinct returns expressions of a kind, each once.
func distinct(of []expression) []expression {
	byText(of)
	return slices.CompactFunc(of, func(a, b expression) bool { return a.middle == b.middle })
}

func byText(of []expression) {
	slices.SortFunc(of, func(a, b expression) int { return strings.Compare(a.middle, b.middle) })
}

// chunks divides expressions of a kind, in the order of their texts: RE2 has the literals with which neighbours begin once.
func chunks(of []expression) [][]expression {
	byText(of)
	var out [][]expression
	size := 0
	for i, e := range of {
		if i > 0 {
			size += programSize(e.middle[sharedBegin(of[i-1].middle, e.middle):]) + 2*len("|")
		}
		if i == 0 || size > maxAlternation {
			out, size = append(out, nil), programSize(e.text())
		}
		out[len(out)-1] = append(out[len(out)-1], e)
	}
	return out
}

// sharedBegin returns how long the literal is with which both expressions begin.
func sharedBegin(a, b string) int {
	at := 0
	for at < len(b) {
		n, literal := piece(b[at:])
		if !literal || !strings.HasPrefix(a[at:], b[at:at+n]) {
			return at
		}
		at += n
	}
	return at
}

// alternation writes expressions of a kind as one.
func (k kind) alternation(of []expression) string {
	var out strings.Builder
	if k.anyCase {
		out.WriteString("(?i)")
	}
	out.WriteString(k.begin)
	out.WriteString("(?:")
	for i, e := range of {
		if i > 0 {
			out.WriteByte('|')
		}
		out.WriteString(e.middle)
	}
	out.WriteByte(')')
	out.WriteString(k.end)
	return out.String()
}
