package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/explain/traffic"
	"github.com/portreeve/portreeve/translate/explain/words"
)

// detailed is what --details prints.
type detailed struct {
	words.Meaning
	// Places are where the rule is written that the text names.
	Places []diag.Position `json:"places,omitempty"`
	// Others are the other rules that refuse the request too, where it is given.
	Others []string `json:"others,omitempty"`
	// Missing says that the text names a rule which the gateway does not have.
	Missing bool `json:"missing,omitempty"`
}

// tellDetails says what a string of an access log means.
func (e *explaining) tellDetails(c *cobra.Command, args []string) error {
	meaning, known := words.Details(e.details)
	if !known {
		return fmt.Errorf("--details %q is none of the strings that a gateway writes to %%RESPONSE_CODE_DETAILS%%, and no line of a log with one of them", shortened(e.details))
	}
	out := detailed{Meaning: meaning}
	if meaning.Rule != "" && (len(args) > 0 || e.plane.address != "") {
		of, err := e.subject(c, args)
		if err != nil {
			return err
		}
		out.Places = placesOf(of.told.Trace, meaning.Rule)
		out.Missing = len(out.Places) == 0
		if out.Others, err = e.others(c, of, meaning.Rule); err != nil {
			return err
		}
	}
	if err := e.print(c.OutOrStdout(), out, func(w io.Writer) error { return out.write(w, len(args)+len(e.plane.address) > 0) }); err != nil {
		return err
	}
	return nil
}

// others are the rules that refuse the request besides the one that a log names, with where they are written.
func (e *explaining) others(c *cobra.Command, of subject, named string) ([]string, error) {
	if e.request == "" {
		return nil, nil
	}
	q, err := e.question(c)
	if err != nil {
		return nil, err
	}
	gateway, err := of.ready()
	if err != nil {
		return nil, err
	}
	answer := gateway.Ask(q.request)
	var out []string
	for _, r := range answer.Reasons {
		if r.Kind == traffic.Denies && r.Matched.Holds() && r.Rule != named && r.At != nil {
			out = append(out, r.Rule+"  "+r.At.String())
		}
	}
	return out, agreed(answer)
}

func shortened(text string) string {
	const most = 200
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}

// placesOf returns where a rule is written, each place once.
func placesOf(trace envoy.Trace, rule string) []diag.Position {
	var out []diag.Position
	for _, parts := range trace {
		if at, ok := parts.At(rule); ok && !slices.Contains(out, at) {
			out = append(out, at)
		}
	}
	slices.SortFunc(out, func(a, b diag.Position) int { return strings.Compare(a.String(), b.String()) })
	return out
}

func (d detailed) write(w io.Writer, looked bool) error {
	fmt.Fprintln(w, d.Says)
	if d.Rule != "" {
		fmt.Fprintf(w, "  rule %s\n", diag.Shown(d.Rule))
	}
	for _, at := range d.Places {
		fmt.Fprintf(w, "  %s\n", at)
		for _, line := range excerptAt(readSource(at.File), at) {
			fmt.Fprintf(w, "    %s\n", line)
		}
	}
	for _, rule := range d.Others {
		fmt.Fprintf(w, "  refuses the request too: %s\n", diag.Shown(rule))
	}
	switch {
	case d.Missing:
		fmt.Fprintln(w, "  this gateway has no such rule: the log is of other files, or of another gateway (--namespace, --labels)")
	case d.Rule != "" && !looked:
		fmt.Fprintln(w, "  name the policy files, or --admin-address, to see where it is written")
	}
	if d.WayOut != "" {
		fmt.Fprintf(w, "  way out: %s\n", d.WayOut)
	}
	return nil
}

// maxExcerpt bounds the lines that are shown of a rule.
const maxExcerpt = 30

// excerptAt returns the lines of a rule: that on which it begins and those below it.
func excerptAt(content []byte, at diag.Position) []string {
	lines := strings.Split(string(content), "\n")
	if at.Line < 1 || at.Line > len(lines) {
		return nil
	}
	begin := at.Column - 1
	out := []string{lines[at.Line-1]}
	for _, line := range lines[at.Line:] {
		text := strings.TrimLeft(line, " ")
		if text != "" && len(line)-len(text) < begin || len(out) >= maxExcerpt || strings.HasPrefix(line, "---") {
			break
		}
		out = append(out, line)
	}
	for len(out) > 1 && strings.TrimSpace(out[len(out)-1]) == "" {
		out = out[:len(out)-1]
	}
	return out
}
