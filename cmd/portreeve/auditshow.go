package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/portreeve/portreeve/internal/audit"
	"github.com/portreeve/portreeve/internal/output"
)

func auditShowCommand() *cobra.Command {
	var format formatFlag
	c := &cobra.Command{
		Use:   "show FILE SEQ|ID",
		Short: "Show all of one event: what changed, who did it, which gateways",
		Long: "Show all that the record has of one event, by its number or its id. FILE may be - for standard input, and packed by gzip. " +
			"The exit code is 1 where the line is not as it was written, or there is no such event; whether others are, verify says.",
		Example: "  portreeve audit show /var/log/portreeve/audit.log 42\n" +
			"  portreeve audit show audit.log 42 -o json | jq .data.unmapped.portreeve.details",
		Args: exactly("the FILE that --audit-log names, and the number or id of an event: portreeve audit show audit.log 42", 2),
		RunE: func(c *cobra.Command, args []string) error { return showAuditEvent(c, args[0], args[1], format) },
	}
	format.register(c, "text", "text", "json")
	return c
}

func showAuditEvent(c *cobra.Command, file, which string, format formatFlag) error {
	event, err := findAuditEvent(c, file, which)
	if err != nil {
		return err
	}
	if event == nil {
		fmt.Fprintf(c.OutOrStdout(), "there is no event %s in %s\n", plainText(which), file)
		return errFindings
	}
	if err := format.print(c.OutOrStdout(), json.RawMessage(event.line), event.write); err != nil {
		return err
	}
	if !event.untouched() {
		return errFindings
	}
	return nil
}

// findAuditEvent returns the first event with a number or an id, and nil where there is none.
func findAuditEvent(c *cobra.Command, file, which string) (*auditEvent, error) {
	var found *auditEvent
	events := auditEvents{c: c}
	err := readAudit(c, file, events.each(func(e auditEvent) error {
		if e.seq() != which && e.ID != which {
			return nil
		}
		e.line = slices.Clone(e.line)
		found = &e
		return errEnough
	}))
	return found, err
}

// write prints an event for a person.
func (e *auditEvent) write(w io.Writer) error {
	d := e.details()
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	chain := "the line is as it was written"
	if !e.untouched() {
		chain = "THE LINE IS NOT AS IT WAS WRITTEN: run portreeve audit verify"
	}
	for _, row := range [][2]string{
		{"event", e.seq() + " (" + e.ID + ")"},
		{"time", e.Time.UTC().Format(time.RFC3339Nano)},
		{"type", e.kind()},
		{"outcome", d.Outcome},
		{"severity", e.Data.Severity},
		{"subject", e.Subject},
		{"message", e.Data.Message},
		{"namespaces", strings.Join(d.Namespaces, ", ") + more(d.Counts.Namespaces, len(d.Namespaces))},
		{"plane", e.Source},
		{"chain", chain},
	} {
		if row[1] != "" {
			fmt.Fprintf(table, "%s\t%s\n", row[0], plainText(row[1]))
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if err := d.writeObjects(w); err != nil {
		return err
	}
	if err := d.writeActors(w); err != nil {
		return err
	}
	return d.writeDetails(w)
}

// more says that there may be more than are named.
func more(all, named int) string {
	if all <= named {
		return ""
	}
	return fmt.Sprintf(" and up to %d more", all-named)
}

func (d *auditDetails) writeObjects(w io.Writer) error {
	if len(d.Objects) == 0 {
		return nil
	}
	fmt.Fprintf(w, "\nobjects%s\n", more(d.Counts.Objects, len(d.Objects)))
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, o := range d.Objects {
		fmt.Fprintf(table, "  %s\t%s\t%s\n", plainText(o.Change), plainText(o.Kind+" "+strings.TrimPrefix(o.Namespace+"/"+o.Name, "/")), plainText(place(o)))
	}
	return table.Flush()
}

// place is where an object is written.
func place(o audit.Object) string {
	if o.Line == 0 {
		return o.File
	}
	return fmt.Sprintf("%s:%d:%d", o.File, o.Line, max(o.Column, 1))
}

func (d *auditDetails) writeActors(w io.Writer) error {
	if len(d.Actors) == 0 {
		return nil
	}
	fmt.Fprintf(w, "\nwho%s\n", more(d.Counts.Actors, len(d.Actors)))
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, a := range d.Actors {
		fmt.Fprintf(table, "  %s\t%s\n", plainText(a.File), plainText(deed(a)))
	}
	return table.Flush()
}

// deed is what is known of who changed a file.
func deed(a audit.Actor) string {
	var words []string
	const short = 12
	commit := a.Commit[:min(len(a.Commit), short)]
	switch {
	case a.Author != "" && !a.AuthorTime.IsZero():
		words = append(words, fmt.Sprintf("%s, commit %s of %s", a.Author, commit, a.AuthorTime.UTC().Format(time.RFC3339)))
	case a.Author != "":
		words = append(words, fmt.Sprintf("%s, commit %s", a.Author, commit))
	case commit != "":
		words = append(words, "not committed (checked out is "+commit+")")
	}
	if a.Owner != "" {
		words = append(words, "the file is owned by "+a.Owner)
	}
	return strings.Join(words, "; ")
}

// writeDetails prints what else there is as YAML, which has a form for every character that is not plain.
func (d *auditDetails) writeDetails(w io.Writer) error {
	if len(d.Details) == 0 {
		return nil
	}
	var text bytes.Buffer
	if err := output.YAML(&text, d.Details); err != nil {
		return err
	}
	fmt.Fprintln(w, "\ndetails")
	for line := range strings.Lines(text.String()) {
		fmt.Fprintln(w, "  "+plainText(strings.TrimSuffix(line, "\n")))
	}
	return nil
}
