package replay

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// WriteText writes a report for people: what changes first, then what cannot be told, then what was not read.
func (r *Report) WriteText(w io.Writer) error {
	var out strings.Builder
	fmt.Fprintf(&out, "%d requests: %d get another answer (%s), %d the same, of %d it depends on what the log does not say\n",
		r.Requests, r.Changed, percent(r.Changed, r.Requests), r.Unchanged, r.Depends)
	for i := range r.Changes {
		r.Changes[i].write(&out)
	}
	if r.MoreChanges > 0 {
		fmt.Fprintf(&out, "\n%d requests change in more ways than are listed\n", r.MoreChanges)
	}
	writeFacts(&out, "\ndepends on, of so many requests:\n", r.DependsOn)
	writeFacts(&out, "\nlines that were not asked about:\n", r.Skipped)
	if r.Broken.Count > 0 {
		fmt.Fprintf(&out, "\n%d lines could not be read:\n", r.Broken.Count)
		for _, b := range r.Broken.Examples {
			fmt.Fprintf(&out, "    line %d: %s\n", b.Line, b.Why)
		}
	}
	if r.Unlike.Count > 0 {
		fmt.Fprintf(&out, "\n%d requests were answered otherwise than OLD answers: the log is of another configuration, or of other keys and certificates\n", r.Unlike.Count)
		writeExamples(&out, r.Unlike.Examples)
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func (c *Change) write(out *strings.Builder) {
	fmt.Fprintf(out, "\n%7d  %s, was %s (%s)\n", c.Count, c.To, c.From, share(c.Rate))
	writeRule(out, "now by", c.Is)
	writeRule(out, "was by", c.Was)
	writeExamples(out, c.Examples)
}

func writeRule(out *strings.Builder, what string, r Rule) {
	if r.Name != "" {
		fmt.Fprintf(out, "         %s %s  %s\n", what, r.Name, r.At)
	}
}

func writeExamples(out *strings.Builder, all []Example) {
	for _, e := range all {
		fmt.Fprintf(out, "         line %d: %s\n", e.Line, printable(strings.TrimSpace(e.Method+" "+e.Authority+e.Path)))
	}
}

// printable replaces what would control a terminal or change the order of what is shown: clients choose what stands in a log.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) || r == utf8.RuneError {
			return '?'
		}
		return r
	}, text)
}

func writeFacts(out *strings.Builder, title string, all []Fact) {
	if len(all) == 0 {
		return
	}
	out.WriteString(title)
	for _, f := range all {
		fmt.Fprintf(out, "%7d  %s\n", f.Count, printable(f.Name))
	}
}

func percent(n, of int) string {
	if of == 0 {
		return "0 %"
	}
	return share(float64(n) / float64(of))
}

func share(rate float64) string {
	const all, least = 100, 0.01
	if p := rate * all; p >= least || p == 0 {
		return fmt.Sprintf("%.2f %%", p)
	}
	return "less than 0.01 %"
}
