// Package words says what explain found as a person reads it: the verdict first, then why, and what that
// means. It is pure, and knows of an answer nothing but what is in it.
package words

import (
	"fmt"
	"io"
	"strings"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/explain"
)

// Page is all that is told of one answer.
type Page struct {
	// Asked is the request as one line.
	Asked  string
	Answer explain.Answer
	// Notes are what to know beside the answer, one a line; see Notes.
	Notes []string
	// Policies are those of the files, those that apply to the gateway and those that do not; nil where
	// that is not known.
	Policies []Policy
}

// Policy is an object that does or does not apply to the gateway.
type Policy struct {
	// Object is "Kind namespace/name".
	Object string
	At     diag.Position
	// WhyNot is empty where it applies.
	WhyNot string
}

// Ink is what a piece of text is about, for those who show it in colour.
type Ink string

const (
	Good  Ink = "good"
	Bad   Ink = "bad"
	Open  Ink = "open"
	Faint Ink = "faint"
	Title Ink = "title"
)

// Paint shows text in an ink. Plain shows it as it is.
type Paint func(Ink, string) string

// Plain is text without colour.
func Plain(_ Ink, text string) string { return text }

// page is a Page while it is written.
type page struct {
	Page
	paint Paint
	out   strings.Builder
}

// Write writes a page.
func Write(w io.Writer, p Page, paint Paint) error {
	out := page{Page: p, paint: paint}
	out.verdict()
	out.why()
	out.destination()
	out.open()
	out.list("not looked at", p.Answer.NotLookedAt)
	out.list("to know", p.Notes)
	out.policies()
	_, err := io.WriteString(w, out.out.String())
	return err
}

// painted is text in an ink, which is printable.
type painted string

func (p *page) ink(ink Ink, text string) painted { return painted(p.paint(ink, diag.Shown(text))) }

// line writes a line. Clients choose what is in many, and none controls a terminal.
func (p *page) line(format string, args ...any) {
	for i := range args {
		if text, ok := args[i].(string); ok {
			args[i] = diag.Shown(text)
		}
	}
	fmt.Fprintf(&p.out, format+"\n", args...)
}

func (p *page) title(text string) { p.line("\n%s", p.ink(Title, text)) }

func (p *page) list(title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	p.title(title)
	for _, l := range lines {
		p.line("  %s", l)
	}
}

// verdict says what becomes of the request, and by what.
func (p *page) verdict() {
	a := p.Answer
	p.line("%s", p.ink(inkOf(a.Verdict), headline(a)))
	if a.NotHeard != "" {
		p.line("  %s", a.NotHeard)
	}
	if a.Body != "" && len(a.Body) < maxBody {
		p.line("  body: %s", strings.TrimSpace(a.Body))
	}
	for _, h := range a.Headers {
		p.line("  %s: %s", h.Name, h.Value)
	}
	if a.Decisive >= 0 && a.Decisive < len(a.Reasons) {
		r := a.Reasons[a.Decisive]
		p.line("  by %s%s", nameOf(r), p.place(r.At))
	}
	if a.Decisive < 0 && a.Verdict == explain.Denied && a.Details == ruleDetails+"none]" {
		p.line("  by no rule: ALLOW policies apply, and no rule of theirs takes it")
	}
	if a.Details != "" {
		p.line("  %s", p.ink(Faint, "response code details: "+a.Details))
	}
	p.line("  %s", p.ink(Faint, p.Asked))
}

// maxBody bounds the body that is shown.
const maxBody = 500

// headline is the verdict in a few words.
func headline(a explain.Answer) string {
	status := ""
	if a.Status != 0 {
		status = fmt.Sprintf(" %d", a.Status)
	}
	switch a.Verdict {
	case explain.Allowed:
		return "ALLOWED"
	case explain.Denied:
		return "DENIED" + status
	case explain.Answered:
		return "ANSWERED by the gateway" + status
	case explain.Closed:
		if strings.HasPrefix(a.Details, "http2.") {
			return "CLOSED: the gateway resets the request, which is none in HTTP/2"
		}
		return "CLOSED: the gateway does not take the connection"
	default:
		return "DEPENDS on what the request does not say"
	}
}

func inkOf(v explain.Verdict) Ink {
	switch v {
	case explain.Allowed, explain.Answered:
		return Good
	case explain.Denied, explain.Closed:
		return Bad
	default:
		return Open
	}
}

// place is a position behind a line.
func (p *page) place(at *diag.Position) painted {
	if at == nil {
		return ""
	}
	return "  " + p.ink(Faint, at.String())
}

// nameOf is what a reason is called.
func nameOf(r explain.Reason) string {
	if r.Rule == "" {
		return r.Filter
	}
	return r.Rule
}

// destination says where the request goes, and what the backend sees.
func (p *page) destination() {
	d := p.Answer.Destination
	if d == nil {
		return
	}
	title := "goes to"
	if p.Answer.Verdict != explain.Allowed {
		title = "would go to"
	}
	p.title(title)
	for _, c := range d.Clusters {
		share := ""
		if len(d.Clusters) > 1 {
			share = fmt.Sprintf("  weight %d", c.Weight)
		}
		p.line("  %s%s", c.Name, share)
	}
	route := strings.Join(nonEmpty(d.Listener, d.Chain, d.VirtualHost, d.Route), " > ")
	p.line("  %s%s", p.ink(Faint, "by "+route), p.place(d.At))
	if d.Path != "" {
		p.line("  as %s%s", d.Authority, d.Path)
	}
	for _, h := range d.Headers {
		if !strings.HasPrefix(h.Name, ":") {
			p.line("    %s: %s", h.Name, h.Value)
		}
	}
}

func nonEmpty(all ...string) []string {
	var out []string
	for _, s := range all {
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}

// open says on what the answer depends, and how the request may end.
func (p *page) open() {
	p.list("depends on", p.Answer.DependsOn)
	if len(p.Answer.Ends) < 2 { //nolint:mnd // one end is no choice
		return
	}
	p.title("may end, the first that is true")
	for _, e := range p.Answer.Ends {
		condition := "else"
		if e.If != "" {
			condition = "if " + e.If
		}
		p.line("  %s: %s", condition, p.ink(inkOf(e.Verdict), endText(p.Answer, e)))
	}
}

func endText(a explain.Answer, e explain.End) string {
	out := string(e.Verdict)
	if e.Status != 0 {
		out += fmt.Sprintf(" %d", e.Status)
	}
	if e.Reason >= 0 && e.Reason < len(a.Reasons) {
		out += " by " + nameOf(a.Reasons[e.Reason])
	}
	return out
}

// policies says which policies apply, and why others do not.
func (p *page) policies() {
	if p.Policies == nil {
		return
	}
	p.title("policies")
	for _, o := range p.Policies {
		if o.WhyNot == "" {
			p.line("  applies  %s%s", o.Object, p.place(&o.At))
		}
	}
	for _, o := range p.Policies {
		if o.WhyNot != "" {
			p.line("  %s  %s: %s%s", p.ink(Faint, "not here"), o.Object, o.WhyNot, p.place(&o.At))
		}
	}
}
