package alert

import (
	"path"
	"slices"

	"github.com/portreeve/portreeve/internal/audit"
	"github.com/portreeve/portreeve/translate/model"
)

// matches reports whether an alert is about an event, as far as it may see that.
func matches(a *model.AuditAlert, e seen) bool {
	return slices.ContainsFunc(a.Events, func(m model.AlertEvents) bool { return allHold(m, e) })
}

// allHold reports whether all that an entry gives holds. Where an event may be about more than it lists, it is taken to be:
// that tells too much, never too little.
func allHold(m model.AlertEvents, e seen) bool {
	namespaced := func(pattern string) bool {
		return slices.ContainsFunc(e.Namespaces, func(n string) bool { return fits(pattern, n) })
	}
	named := func(want model.AlertObject) bool {
		return slices.ContainsFunc(e.Objects, func(o audit.Object) bool { return isOne(want, o) })
	}
	return (len(m.Types) == 0 || slices.ContainsFunc(m.Types, func(p string) bool { return fits(p, string(e.Type)) })) &&
		(len(m.Outcomes) == 0 || slices.Contains(m.Outcomes, string(e.Outcome))) &&
		(len(m.Namespaces) == 0 || e.unlisted || slices.ContainsFunc(m.Namespaces, namespaced)) &&
		(len(m.Objects) == 0 || e.unlisted || slices.ContainsFunc(m.Objects, named))
}

func isOne(want model.AlertObject, o audit.Object) bool {
	return (want.Kind == "" || fits(want.Kind, o.Kind)) && (want.Namespace == "" || fits(want.Namespace, o.Namespace)) &&
		(want.Name == "" || fits(want.Name, o.Name))
}

// fits reports whether a pattern is that of a value. One that is none, which the compiler refuses, fits nothing.
func fits(pattern, value string) bool {
	ok, err := path.Match(pattern, value)
	return ok && err == nil
}
