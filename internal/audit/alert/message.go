package alert

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Type is the type of the CloudEvent that a webhook is sent.
const Type = "io.portreeve.alert"

// message is what a webhook is to be told.
type message struct {
	watch   *watch
	webhook string
	batch   batch
	at      time.Time
	event   []byte
}

// envelope is the CloudEvent. Text is an extension: what chats show of what they are sent.
type envelope struct {
	SpecVersion     string  `json:"specversion"`
	ID              string  `json:"id"`
	Source          string  `json:"source"`
	Type            string  `json:"type"`
	Subject         string  `json:"subject"`
	Time            string  `json:"time"`
	DataContentType string  `json:"datacontenttype"`
	Text            string  `json:"text"`
	Data            payload `json:"data"`
}

// payload is what there is to tell.
type payload struct {
	// Alert is namespace/name of the AuditAlert.
	Alert string `json:"alert"`
	// Group is what the events have in common; it is absent where messages were joined.
	Group map[string]string `json:"group,omitempty"`
	// Count is how many events there are, also where fewer are named, and First and Last when they were.
	Count  uint64    `json:"count"`
	First  time.Time `json:"first,omitzero"`
	Last   time.Time `json:"last,omitzero"`
	Events []told    `json:"events,omitempty"`
	// Unnamed are the events that Events does not name.
	Unnamed uint64 `json:"unnamed,omitempty"`
	// Suppressed is how many messages were joined to this one for the rate.
	Suppressed uint64 `json:"suppressed,omitempty"`
	// Missed is how many events of the record came too fast to be looked at.
	Missed uint64 `json:"missed,omitempty"`
}

// encode writes a message on one line. One that is too long names fewer events.
func (e *Engine) encode(m message, labels map[string]string) []byte {
	b := m.batch
	out := envelope{
		SpecVersion: "1.0", ID: e.run + "-" + strconv.FormatUint(e.number, 10), Source: "/portreeve/" + url.PathEscape(e.options.Instance), Type: Type,
		Subject: m.watch.name, Time: m.at.UTC().Format(time.RFC3339Nano), DataContentType: "application/json",
		Data: payload{Alert: m.watch.name, Group: labels, Count: b.count, First: b.first.UTC(), Last: b.last.UTC(), Events: b.named, Suppressed: b.heldBack, Missed: b.missed},
	}
	if b.count == 0 {
		out.Data.First, out.Data.Last = time.Time{}, time.Time{}
	}
	out.Text = text(e.options.Instance, out.Data)
	for {
		out.Data.Unnamed = out.Data.Count - uint64(len(out.Data.Events))
		var line bytes.Buffer
		to := json.NewEncoder(&line)
		to.SetEscapeHTML(false)
		// Everything in it is a string, a number or a time: it cannot fail.
		_ = to.Encode(out)
		if line.Len() <= maxMessage || len(out.Data.Events) == 0 {
			return bytes.TrimSuffix(line.Bytes(), []byte("\n"))
		}
		out.Data.Events = out.Data.Events[:len(out.Data.Events)/2]
	}
}

// maxLines is how many events the text shows.
const maxLines = 5

// text says for people what a message says.
func text(instance string, p payload) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Portreeve %s, AuditAlert %s: %s", plain(instance), plain(p.Alert), events(p.Count))
	for i, t := range p.Events {
		if i == maxLines {
			break
		}
		fmt.Fprintf(&b, "\n• %s %s", t.Time.Format("15:04:05Z"), t.Type)
		if t.Outcome != "" {
			fmt.Fprintf(&b, " (%s)", t.Outcome)
		}
		if t.Subject != "" {
			b.WriteString(" " + plain(t.Subject))
		}
		if t.Message != "" {
			b.WriteString(": " + plain(t.Message))
		}
	}
	if shown := uint64(min(len(p.Events), maxLines)); p.Count > shown {
		fmt.Fprintf(&b, "\nand %d more", p.Count-shown)
	}
	if p.Suppressed > 0 {
		fmt.Fprintf(&b, "\n%d messages were held back by the rate and are in this one", p.Suppressed)
	}
	if p.Missed > 0 {
		fmt.Fprintf(&b, "\n%s came too fast to be looked at: see the record", events(p.Missed))
	}
	return b.String()
}

func events(n uint64) string {
	if n == 1 {
		return "1 event"
	}
	return strconv.FormatUint(n, 10) + " events"
}

// plain takes from a text what a chat would take for a command, such as a mention of everybody, or for a link: a name of a gateway is
// what somebody claims to be. It shows line breaks and what else is not seen, such as what turns the direction of writing, as spaces.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) {
			return ' '
		}
		return r
	}, s)
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "@", "@\u200b", "://", ":\u200b//", "www.", "www\u200b.", "](", "]\u200b(").Replace(s)
}
