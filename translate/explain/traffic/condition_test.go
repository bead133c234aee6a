package traffic_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// formula is an expression over facts, of which tests know everything.
type formula struct {
	word string
	fact int
	of   []formula
}

func random(r *rand.Rand, depth int) formula {
	words := []string{"not", "and", "or", "any", "then", "fact", "fact"}
	f := formula{word: words[r.IntN(len(words))], fact: r.IntN(4)}
	if depth == 0 {
		f.word = "fact"
	}
	for f.word != "fact" && (len(f.of) < 1+r.IntN(3) || f.word == "then" && len(f.of) < 3) {
		f.of = append(f.of, random(r, depth-1))
	}
	return f
}

// condition is the formula where of each fact is known 0, 1, or nothing.
func (f formula) condition(facts []int) traffic.Condition {
	var of []traffic.Condition
	for _, one := range f.of {
		of = append(of, one.condition(facts))
	}
	switch {
	case f.word == "fact" && facts[f.fact] > 1:
		return traffic.DependsOn(string(rune('a' + f.fact)))
	case f.word == "fact":
		return traffic.Known(facts[f.fact] == 1)
	case f.word == "not":
		return of[0].Not()
	case f.word == "then":
		return of[0].Then(of[1], of[2])
	case f.word == "any":
		return traffic.Any(of)
	}
	out := of[0]
	for _, one := range of[1:] {
		if f.word == "and" {
			out = out.And(one)
		} else {
			out = out.Or(one)
		}
	}
	return out
}

func (f formula) holds(facts []int) bool {
	switch f.word {
	case "fact":
		return facts[f.fact] == 1
	case "not":
		return !f.of[0].holds(facts)
	case "then":
		return f.of[0].holds(facts) && f.of[1].holds(facts) || !f.of[0].holds(facts) && f.of[2].holds(facts)
	case "and":
		return !slices.ContainsFunc(f.of, func(one formula) bool { return !one.holds(facts) })
	default:
		return slices.ContainsFunc(f.of, func(one formula) bool { return one.holds(facts) })
	}
}

// TestWhatIsKnownIsNeverTakenBack fills in what is not known, in all ways: what was known before stays.
func TestWhatIsKnownIsNeverTakenBack(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		checkFormula(t, random(r, 4), []int{r.IntN(3), r.IntN(3), r.IntN(3), r.IntN(3)})
	}
}

func FuzzConditions(f *testing.F) {
	f.Add(uint64(1), uint8(80))
	f.Fuzz(func(t *testing.T, seed uint64, facts uint8) {
		n := int(facts) % 81
		checkFormula(t, random(rand.New(rand.NewPCG(seed, 0)), 5), []int{n % 3, n / 3 % 3, n / 9 % 3, n / 27 % 3})
	})
}

func checkFormula(t *testing.T, f formula, facts []int) {
	t.Helper()
	c := f.condition(facts)
	if b2i(c.Holds())+b2i(c.Fails())+b2i(c.Open()) != 1 {
		t.Fatalf("%v is not one of three: %s", f, c)
	}
	if c.Open() != (len(c.Facts()) > 0) {
		t.Fatalf("%v: open %v, depends on %v", f, c.Open(), c.Facts())
	}
	if not := c.Not(); not.Not().String() != c.String() || not.Holds() != c.Fails() || not.Open() != c.Open() {
		t.Fatalf("%v: the opposite of %s is %s", f, c, not)
	}
	for n := range 16 {
		full := slices.Clone(facts)
		for i := range full {
			if full[i] > 1 {
				full[i] = n >> i & 1
			}
		}
		if c.Holds() && !f.holds(full) || c.Fails() && f.holds(full) {
			t.Fatalf("%v with %v: %s, with %v %v", f, facts, c, full, f.holds(full))
		}
		if known := f.condition(full); known.Open() || known.Holds() != f.holds(full) {
			t.Fatalf("%v with %v: %s", f, full, known)
		}
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestDeMorgan holds that the opposite of all is any of the opposites, as far as anything is known.
func TestDeMorgan(t *testing.T) {
	values := []traffic.Condition{traffic.Known(true), traffic.Known(false), traffic.DependsOn("a"), traffic.DependsOn("b").Not(), traffic.DependsOn("a").And(traffic.DependsOn("b"))}
	for _, a := range values {
		for _, b := range values {
			left, right := a.And(b).Not(), a.Not().Or(b.Not())
			if left.Holds() != right.Holds() || left.Fails() != right.Fails() || !slices.Equal(left.Facts(), right.Facts()) {
				t.Errorf("not (%s and %s): %s, %s", a, b, left, right)
			}
		}
	}
}

// TestEqualConditionsReadAlike holds that order and repetition do not show.
func TestEqualConditionsReadAlike(t *testing.T) {
	a, b, c := traffic.DependsOn("a"), traffic.DependsOn("b"), traffic.DependsOn("c")
	for _, same := range [][2]traffic.Condition{
		{a.And(b).And(c), c.And(b.And(a))},
		{a.Or(b), b.Or(a).Or(b)},
		{traffic.Any([]traffic.Condition{b, a, b, a.Or(c)}), a.Or(b).Or(c)},
		{traffic.Any([]traffic.Condition{a, a}), a},
		{traffic.Any(nil), traffic.Known(false)},
	} {
		if same[0].String() != same[1].String() {
			t.Errorf("%s is not %s", same[0], same[1])
		}
	}
	if got := a.And(b.Or(c).Not()).String(); got != "(a and not ((b or c)))" {
		t.Error(got)
	}
}
