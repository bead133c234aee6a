package alert

import (
	"slices"

	"github.com/portreeve/portreeve/internal/audit"
)

// seen is what an alert may see of an event.
type seen struct {
	audit.Event
	// unlisted says that the event may be about more than it lists.
	unlisted bool
}

// longList is from how many objects on an event may be about others too: as many of a change are named.
const longList = 50

// partly is the message of an event that is about other namespaces too.
const partly = "This is about other namespaces too: the record has all of it under its id."

// see returns what an alert that may tell of one namespace sees of an event; an empty one is all. It fails closed: of an
// event that is, or may be, about other namespaces too it sees what is of its own, and neither subject nor message, which
// may name what is of others. An event without a namespace it does not see. One that lists so much that its own namespace may
// have been left out it sees, without any of that: a change that nobody is told of is worse.
func see(e audit.Event, namespace string) (seen, bool) {
	e.Details, e.Actors = nil, nil
	unlisted := len(e.Namespaces) >= audit.MaxNamespaces || len(e.Objects) >= longList || e.More != (audit.Counts{})
	if namespace == "" {
		return seen{e, unlisted}, true
	}
	foreign := func(o audit.Object) bool { return o.Namespace != namespace }
	own := slices.DeleteFunc(slices.Clone(e.Objects), foreign)
	listed := len(own) > 0 || slices.Contains(e.Namespaces, namespace)
	if !listed && !unlisted {
		return seen{}, false
	}
	if wholly := !slices.ContainsFunc(e.Namespaces, func(n string) bool { return n != namespace }) && len(own) == len(e.Objects); !wholly || unlisted {
		e.Subject, e.Message = "", partly
	}
	e.Objects, e.Namespaces = own, nil
	if listed {
		e.Namespaces = []string{namespace}
	}
	return seen{e, unlisted}, true
}
