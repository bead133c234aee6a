package optimize

import (
	"maps"
	"slices"

	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
)

// textual is a condition on a text, or on each of several.
type textual[T any] struct {
	expression
	// about says on which one; conditions on the same are folded together.
	about string
	// asking returns the same condition that asks for something else.
	asking func(*matcherv3.StringMatcher) T
}

// foldTexts returns alternatives that hold where one of the given does, with those on the same text in as few
// as can be, and whether any were folded. read is false for what is no condition on a text.
func foldTexts[T any](of []T, least int, read func(T) (textual[T], bool)) ([]T, bool) {
	if len(of) < least {
		return of, false
	}
	about := map[string][]expression{}
	asking := map[string]func(*matcherv3.StringMatcher) T{}
	for i, one := range of {
		if t, ok := read(one); ok {
			t.from = i
			about[t.about], asking[t.about] = append(about[t.about], t.expression), t.asking
		}
	}
	folded := map[int]bool{}
	var made []T
	for _, subject := range slices.Sorted(maps.Keys(about)) {
		for _, m := range alternations(about[subject], least, folded) {
			made = append(made, asking[subject](m))
		}
	}
	if len(made) == 0 {
		return of, false
	}
	// Those that stay are asked first: mostly they are few, and cheaper than an expression.
	var out []T
	for i, one := range of {
		if !folded[i] {
			out = append(out, one)
		}
	}
	return append(out, made...), true
}
