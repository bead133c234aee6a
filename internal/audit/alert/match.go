package alert

import (
	"path"
	"slices"
	"strings"

	"github.com/portreeve/portreeve/internal/audit"
	"github.com/portreeve/portreeve/translate/model"
)

// maxEffort bounds what it costs to match an event with an alert, in characters that are compared: some 80 ms. Whoever writes
// policy writes patterns, and one alert must not hold up others.
const maxEffort = 8 << 20

// effort is what matching may still cost.
type effort int

// matches reports whether an alert is about an event, as far as it may see that. One that costs too much to say is taken to be:
// that tells too much, never too little.
func matches(a *model.AuditAlert, e seen) bool {
	left := effort(maxEffort)
	return slices.ContainsFunc(a.Events, func(m model.AlertEvents) bool { return left.allHold(m, e) })
}

// allHold reports whether all that an entry gives holds. Where an event may be about more than it lists, it is taken to be:
// that tells too much, never too little.
func (left *effort) allHold(m model.AlertEvents, e seen) bool {
	namespaced := func(pattern string) bool {
		return slices.ContainsFunc(e.Namespaces, func(n string) bool { return left.fits(pattern, n) })
	}
	named := func(want model.AlertObject) bool {
		return slices.ContainsFunc(e.Objects, func(o audit.Object) bool { return left.isOne(want, o) })
	}
	return (len(m.Types) == 0 || slices.ContainsFunc(m.Types, func(p string) bool { return left.fits(p, string(e.Type)) })) &&
		(len(m.Outcomes) == 0 || slices.Contains(m.Outcomes, string(e.Outcome))) &&
		(len(m.Namespaces) == 0 || e.unlisted || slices.ContainsFunc(m.Namespaces, namespaced)) &&
		(len(m.Objects) == 0 || e.unlisted || slices.ContainsFunc(m.Objects, named))
}

func (left *effort) isOne(want model.AlertObject, o audit.Object) bool {
	return (want.Kind == "" || left.fits(want.Kind, o.Kind)) && (want.Namespace == "" || left.fits(want.Namespace, o.Namespace)) &&
		(want.Name == "" || left.fits(want.Name, o.Name))
}

// fits reports whether a pattern is that of a value. One that is none, which the compiler refuses, fits nothing.
func (left *effort) fits(pattern, value string) bool {
	cost := len(pattern)
	if star := strings.IndexByte(pattern, '*'); star >= 0 && star < len(pattern)-1 { // what is behind it is looked for everywhere
		cost *= 1 + len(value)
	}
	if *left -= effort(cost); *left < 0 {
		return true
	}
	ok, err := path.Match(pattern, value)
	return ok && err == nil
}
