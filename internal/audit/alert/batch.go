package alert

import (
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/portreeve/portreeve/internal/audit"
)

// batch is the events of one message. How many they are is exact; the first of them are named.
type batch struct {
	count       uint64
	first, last time.Time
	named       []told
	// heldBack is how many messages were joined to this one for the rate; missed is how many events nobody looked at.
	heldBack, missed uint64
}

// told is an event as a message names it.
type told struct {
	ID       string         `json:"id,omitempty"`
	Sequence string         `json:"sequence,omitempty"`
	Type     audit.Type     `json:"type"`
	Time     time.Time      `json:"time"`
	Subject  string         `json:"subject,omitempty"`
	Outcome  audit.Outcome  `json:"outcome,omitempty"`
	Message  string         `json:"message,omitempty"`
	Objects  []audit.Object `json:"objects,omitempty"`
	// MoreObjects is how many it has that are not named.
	MoreObjects int `json:"moreObjects,omitempty"`
}

// The bounds of an event in a message.
const (
	maxText        = 512
	maxToldObjects = 10
)

// tellOf returns an event as messages name it.
func tellOf(line audit.Line, e seen) told {
	var name struct {
		ID string `json:"id"`
	}
	// A line that is not as expected is told without its id.
	_ = json.Unmarshal(line.Bytes, &name)
	out := told{
		ID: cut(name.ID, maxText), Sequence: strconv.FormatUint(line.Seq, 10), Type: e.Type, Time: e.Time.UTC(), Subject: cut(e.Subject, maxText),
		Outcome: e.Outcome, Message: cut(e.Message, maxText),
	}
	for i, o := range e.Objects {
		if i == maxToldObjects {
			out.MoreObjects = len(e.Objects) - i
			break
		}
		o.Kind, o.Namespace, o.Name, o.File = cut(o.Kind, maxText), cut(o.Namespace, maxText), cut(o.Name, maxText), cut(o.File, maxText)
		out.Objects = append(out.Objects, o)
	}
	return out
}

// add counts an event.
func (b *batch) add(at time.Time) {
	if b.count == 0 || at.Before(b.first) {
		b.first = at
	}
	if b.count == 0 || at.After(b.last) {
		b.last = at
	}
	b.count++
}

// join takes all of another batch, and returns how many events are not named any more.
func (b *batch) join(o batch) int {
	if o.count > 0 {
		first, last := o.first, o.last
		if b.count > 0 && b.first.Before(first) {
			first = b.first
		}
		if b.count > 0 && b.last.After(last) {
			last = b.last
		}
		b.first, b.last = first, last
	}
	b.count, b.heldBack, b.missed = b.count+o.count, b.heldBack+o.heldBack, b.missed+o.missed
	room := min(len(o.named), maxNamed-len(b.named))
	b.named = append(b.named, o.named[:room]...)
	return len(o.named) - room
}

// empty reports whether there is nothing to tell.
func (b *batch) empty() bool { return b.count == 0 && b.missed == 0 }

// cut returns at most so many bytes of a text, whole characters.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most] + "…"
}
