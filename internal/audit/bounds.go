package audit

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// The bounds of an event. What is longer is cut, and says so; how many there were is always exact.
const (
	// MaxMessage, MaxString bound the message and every other string, in bytes.
	MaxMessage = 8 << 10
	MaxString  = 1 << 10
	// MaxObjects, MaxActors, MaxNamespaces bound what is named.
	MaxObjects    = 100
	MaxActors     = 100
	MaxNamespaces = 100
	// MaxDetails bounds the JSON of the details; longer ones are left out.
	MaxDetails = 96 << 10
	// MaxLine bounds a line that is written, in bytes.
	MaxLine = 256 << 10
)

// Counts are numbers of namespaces, objects and actors. Those of a line are how many the event is about, at most: where that
// is more than it lists, what is not listed may be any, and who looks for one has to take the event for one about it.
type Counts struct {
	Namespaces int `json:"namespaces,omitempty"`
	Objects    int `json:"objects,omitempty"`
	Actors     int `json:"actors,omitempty"`
}

// Bounded returns an event with nothing in it that is longer than it may be, and how many there were of what is listed.
// What is within the bounds is the same value.
func Bounded(e Event) (Event, Counts) {
	counts := Counts{len(e.Namespaces) + e.More.Namespaces, len(e.Objects) + e.More.Objects, len(e.Actors) + e.More.Actors}
	e.Type, e.Outcome = Type(cut(string(e.Type), MaxString)), Outcome(cut(string(e.Outcome), MaxString))
	e.Subject, e.Message = cut(e.Subject, MaxString), cut(e.Message, MaxMessage)
	e.Namespaces = each(e.Namespaces, MaxNamespaces, func(n string) string { return cut(n, MaxString) })
	e.Objects = each(e.Objects, MaxObjects, boundedObject)
	e.Actors = each(e.Actors, MaxActors, boundedActor)
	return e, counts
}

func boundedObject(o Object) Object {
	o.Kind, o.Namespace, o.Name = cut(o.Kind, MaxString), cut(o.Namespace, MaxString), cut(o.Name, MaxString)
	o.File, o.Change = cut(o.File, MaxString), cut(o.Change, MaxString)
	return o
}

func boundedActor(a Actor) Actor {
	a.File, a.Commit, a.Author, a.Owner = cut(a.File, MaxString), cut(a.Commit, MaxString), cut(a.Author, MaxString), cut(a.Owner, MaxString)
	return a
}

// each returns a new list of the first of them, each bounded. The caller's list stays as it is.
func each[T any](all []T, most int, bounded func(T) T) []T {
	if len(all) == 0 {
		return nil
	}
	out := make([]T, min(len(all), most))
	for i := range out {
		out[i] = bounded(all[i])
	}
	return out
}

// cut returns at most so many bytes of a string, whole characters, and valid UTF-8. The end says that it was longer.
func cut(s string, most int) string {
	const more = "…"
	if len(s) <= most {
		return strings.ToValidUTF8(s, "?")
	}
	end := most - len(more)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return strings.ToValidUTF8(s[:end], "?") + more
}

// boundedDetails returns the JSON of details. What cannot be told, or is too long, is said instead.
func boundedDetails(details any) json.RawMessage {
	if details == nil {
		return nil
	}
	text, err := json.Marshal(details)
	switch {
	case err != nil: // a fault of ours; what the event says otherwise is still recorded
		return json.RawMessage(`{"omitted":"details that cannot be written"}`)
	case len(text) > MaxDetails:
		return json.RawMessage(fmt.Sprintf(`{"omitted":"%d bytes of details"}`, len(text)))
	}
	return text
}
